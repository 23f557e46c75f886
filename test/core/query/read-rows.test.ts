import { afterAll, beforeAll, expect, test } from 'vitest'
import { contextOf } from '../../../core/context.ts'
import { callBy } from '../../support/call.ts'
import { analyst, startQuery, type Fixture } from './fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

const wide = (rows: number) =>
  `SELECT number AS n, concat(toString(number), repeat('x', 2000)) AS note FROM numbers(${rows})`

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of body) bytes += chunk.length
  return bytes
}

test.each(['RowBinary', 'Native'] as const)(
  'rows past the bound of a result are an error, and never fewer rows: %s',
  async (format) => {
    const { readRows } = fixture.domain({ maxResultBytes: 10_000_000 })
    const read = async (rows: number) => {
      const input = { sql: wide(rows), select: 'toFloat64(n), note', format, maxRows: Infinity, seed: 0 }
      return bytesOf((await readRows(contextOf(callBy(analyst)), input)).body)
    }
    expect(await read(1_000)).toBeGreaterThan(2_000_000)
    await expect(read(100_000)).rejects.toMatchObject({ problem: 'query.result_too_large' })
    // The place that it had is free again.
    expect(await read(1_000)).toBeGreaterThan(2_000_000)
  },
)

test('wide rows come in blocks of few', async () => {
  const { readRows } = fixture.domain()
  const input = { sql: wide(20_000), select: 'note', format: 'Native', maxRows: Infinity, seed: 0 } as const
  const { body } = await readRows(contextOf(callBy(analyst)), input)
  for await (const chunk of body) {
    // Two numbers in LEB128: columns, and rows.
    expect(chunk[0]).toBe(1)
    expect((chunk[1]! % 128) + chunk[2]! * 128).toBeLessThanOrEqual(2_048)
    break
  }
})
