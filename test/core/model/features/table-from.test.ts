import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readingOf } from '../../../../core/model/features/reading.ts'
import { tableFrom } from '../../../../core/model/features/table-from.ts'
import type { Table } from '../../../../core/model/table.ts'
import { startEmbeddedWarehouse } from '../../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../../core/storage/clickhouse/connect.ts'
import { query } from '../../../contract/warehouse.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const bounds = { maxRows: 1_000_000, maxBytes: 1 << 30 }

function rowBinary(rows: readonly (readonly (number | string)[])[]): Buffer {
  const parts = rows.flat().map((cell) => {
    if (typeof cell === 'number') {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(cell)
      return bytes
    }
    const text = Buffer.from(cell)
    const length = text.length < 128 ? [text.length] : [(text.length % 128) + 128, Math.floor(text.length / 128)]
    return Buffer.concat([Buffer.from(length), text])
  })
  return Buffer.concat(parts)
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const reading = readingOf([
  { name: 'n', type: 'Float64' },
  { name: 'c', type: 'LowCardinality(Nullable(String))' },
])

describe('rows become columns', () => {
  const rows = Array.from({ length: 500 }, (_, row) => [
    row / 3,
    ['', ' ', 'ä', 'x'.repeat(200), `${row % 70}`][row % 5]!,
  ])

  it('wherever the chunks are cut', async () => {
    const bytes = rowBinary(rows)
    const whole = await tableFrom(reading, inChunks(bytes, bytes.length), bounds)
    expect(whole.rows).toBe(500)
    const [n, c] = whole.columns
    expect(n).toMatchObject({ name: 'n', kind: 'number' })
    if (c?.kind !== 'category') throw new Error('c is a category')
    expect(Array.from(c.codes, (code) => c.labels[code] ?? '')).toEqual(rows.map(([, text]) => String(text).trim()))
    for (const size of [1, 2, 7, 8, 9, 100, 1001]) {
      expect(await tableFrom(reading, inChunks(bytes, size), bounds)).toEqual(whole)
    }
  })

  it('up to a bound', async () => {
    const bytes = rowBinary(rows)
    for (const less of [{ maxRows: 499 }, { maxBytes: 5000 }]) {
      await expect(tableFrom(reading, inChunks(bytes, 64), { ...bounds, ...less })).rejects.toMatchObject({
        problem: 'query.result_too_large',
      })
    }
  })

  it('and half a row is no row', async () => {
    const bytes = rowBinary(rows)
    await expect(tableFrom(reading, inChunks(bytes.subarray(0, -1), 64), bounds)).rejects.toThrow('middle of a row')
  })
})

describe('what a query answers', () => {
  const directory = temporaryDirectory()
  let embedded: Awaited<ReturnType<typeof startEmbeddedWarehouse>>
  let warehouse: ReturnType<typeof connectWarehouse>

  beforeAll(async () => {
    const log = pino({ level: 'silent' })
    embedded = await startEmbeddedWarehouse({ directory: directory.path, log })
    warehouse = connectWarehouse({ ...embedded, maxConnections: 4, log })
  })
  afterAll(async () => {
    await warehouse.close()
    await embedded.close()
    directory.remove()
  })

  async function read(sql: string): Promise<{ table: Table; notes: readonly unknown[] }> {
    const columns = await warehouse.rows<{ name: string; type: string }>(query(`DESCRIBE TABLE (${sql})`))
    const asked = readingOf(columns)
    const { body } = await warehouse.stream(
      query(`SELECT ${asked.select} FROM (${sql}) AS _rows`, { format: 'RowBinary' }),
    )
    return { table: await tableFrom(asked, body, bounds), notes: asked.notes }
  }

  it('is read, of every type', async () => {
    const { table, notes } = await read(`SELECT
      toUInt64(18446744073709551615) AS u, toInt128(-5) AS i, toDecimal64('1.25', 2) AS d, true AS b, CAST(NULL AS Nullable(Float32)) AS f,
      toFixedString('ab', 4) AS s, CAST(NULL AS Nullable(FixedString(2))) AS p, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id, CAST('x' AS Enum8('x' = 1)) AS e,
      toLowCardinality(CAST(NULL AS Nullable(String))) AS l, toIPv4('127.0.0.1') AS ip, 'größer' AS \`odd \\\` name\`,
      toDate('2026-02-28') AS day, toDate32('1950-01-01') AS old, toDateTime('2026-02-28 12:00:00', 'Asia/Tokyo') AS local,
      toDateTime64('2026-02-28 12:00:00.123456', 6, 'UTC') AS exact, CAST(NULL AS Nullable(DateTime)) AS never,
      [1] AS list, map('a', 1) AS pairs`)
    const got = table.columns.map((column) => [
      column.name,
      column.kind === 'category' ? (column.labels[column.codes[0]!] ?? null) : column.values[0],
    ])
    expect(got).toEqual([
      ['u', 2 ** 64],
      ['i', -5],
      ['d', 1.25],
      ['b', 1],
      ['f', Number.NaN],
      ['s', 'ab'],
      ['p', null],
      ['id', '61f0c404-5cb3-11e7-907b-a6006ad3dba0'],
      ['e', 'x'],
      ['l', null],
      ['ip', '127.0.0.1'],
      ['odd ` name', 'größer'],
      ['day', Date.UTC(2026, 1, 28)],
      ['old', Date.UTC(1950, 0, 1)],
      ['local', Date.UTC(2026, 1, 28, 3)],
      ['exact', Date.UTC(2026, 1, 28, 12, 0, 0, 123)],
      ['never', Number.NaN],
    ])
    expect(notes).toMatchObject([{ column: 'list' }, { column: 'pairs' }])
  })

  it('is read in its order, a hundred thousand rows of it', async () => {
    const { table } = await read(
      `SELECT number AS n, concat('label ', toString(number % 1000)) AS c FROM numbers(100000) ORDER BY number DESC`,
    )
    const [n, c] = table.columns
    if (n?.kind !== 'number' || c?.kind !== 'category') throw new Error('a number and a category')
    expect(n.values.every((value, row) => value === 99_999 - row)).toBe(true)
    expect(c.labels).toHaveLength(1000)
    expect([...c.codes].every((code, row) => c.labels[code] === `label ${(99_999 - row) % 1000}`)).toBe(true)
  })
})
