import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { csvRows, readCsv } from '../../../core/ingest/csv.ts'
import { inferCsv } from '../../../core/ingest/infer-csv.ts'
import { decode } from '../../../core/ingest/decode.ts'
import { ingestLimits as limits } from '../../../core/ingest/limits.ts'
import { parseType } from '../../../core/ingest/parse-type.ts'
import { sampleData } from '../../support/optional.ts'

async function rowsOf(body: string | Uint8Array, contentType = 'application/x-ndjson', contentEncoding = '') {
  const batch = await decode({ body: Buffer.from(body), contentType, contentEncoding }, limits)
  return batch.rowsFor(new Map())
}

describe('NDJSON', () => {
  test('CRLF, a byte order mark and blank lines are no part of a row', async () => {
    const { texts } = await rowsOf('\uFEFF{"a":1}\r\n\r\n  \n{"a":2}')
    expect(texts).toEqual(['{"a":1}', '{"a":2}'])
  })
  test('bytes that are not UTF-8 are the fault of their line only', async () => {
    const { texts, broken } = await rowsOf(
      Buffer.concat([Buffer.from('{"a":"é"}\n{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n{"a":3}')]),
    )
    expect(texts).toEqual(['{"a":"é"}', undefined, '{"a":3}'])
    expect(broken.get(1)?.reason).toBe('is not valid UTF-8')
  })
  test('one row too many is refused', async () => {
    await expect(rowsOf('{}\n'.repeat(limits.maxRows + 1))).rejects.toMatchObject({ problem: 'request.too_large' })
  })
})

describe('JSON', () => {
  test('the elements of an array keep their text', async () => {
    const { texts } = await rowsOf(
      ' [ {"a": 9007199254740993 , "b":"],{\\""} ,{ } ] ',
      'application/json; charset=utf-8',
    )
    expect(texts).toEqual(['{"a": 9007199254740993 , "b":"],{\\""}', '{ }'])
  })
  test('what is not JSON has no rows, and the hint names the format that it may be', async () => {
    await expect(rowsOf('{"a":1}\n{"a":2}', 'application/json')).rejects.toMatchObject({
      problem: 'request.invalid',
      hint: expect.stringContaining('application/x-ndjson') as string,
    })
  })
  const folder = sampleData('json-test-suite')
  test.skipIf(folder === undefined)('JSONTestSuite: every y_ is read, no n_ is', async () => {
    for (const file of readdirSync(folder ?? '')) {
      const text = readFileSync(join(folder ?? '', file))
      // In an array, so that any value may be a row.
      const body = Buffer.concat([Buffer.from('['), text, Buffer.from(']')])
      const outcome = await rowsOf(body, 'application/json').then(
        ({ texts }) => texts.length,
        () => 'refused',
      )
      if (file.startsWith('y_')) expect([file, outcome]).toEqual([file, 1])
      // Some are two values, which in an array are not wrong, or nothing at all.
      if (
        file.startsWith('n_') &&
        /^(?!\s*$)/.test(text.toString()) &&
        !/structure_(double_array|comma_instead|close_unopened|array_trailing)/.test(file)
      ) {
        expect([file, outcome === 'refused' || isTwo(text.toString())]).toEqual([file, true])
      }
    }
  })
})

/** Whether the text is a list without its brackets, as `1,2`. */
function isTwo(text: string): boolean {
  try {
    return (JSON.parse(`[${text}]`) as unknown[]).length !== 1
  } catch {
    return false
  }
}

describe('CSV', () => {
  const folder = sampleData('csv-spectrum')
  test.skipIf(folder === undefined)('csv-spectrum: every file means what its JSON says', () => {
    // The one file that is left out has another telephone number in its JSON than in its CSV.
    for (const file of readdirSync(join(folder ?? '', 'csvs')).filter((name) => name !== 'location_coordinates.csv')) {
      const text = readFileSync(join(folder ?? '', 'csvs', file), 'utf8')
      // Copies of the collection tend to have lost their carriage returns.
      const csv = file.endsWith('_crlf.csv') ? text.replaceAll(/\r?\n/g, '\r\n') : text
      const { texts } = csvRows(readCsv(Buffer.from(csv), limits), () => undefined)
      const expected = JSON.parse(
        readFileSync(join(folder ?? '', 'json', file.replace('.csv', '.json')), 'utf8'),
      ) as unknown
      expect([file, texts.map((text) => JSON.parse(text ?? '') as unknown)]).toEqual([file, expected])
    }
  })
  test('types are those that all values of a column share; a leading zero is text; blank is NULL', () => {
    const table = readCsv(
      Buffer.from(
        'a,b,c,d,e,f\n1,2.5,007,true,2024-01-01T00:00:00Z,\n9007199254740993, ,1,false,2024-01-01 00:00:00,\n',
      ),
      limits,
    )
    const types = [...inferCsv(table).values()].map((type) =>
      type.kind === 'Nullable' ? `Nullable ${type.of.kind}` : type.kind,
    )
    expect(types).toEqual(['Integer', 'Nullable Float', 'String', 'Bool', 'DateTime64', 'String'])
    expect(csvRows(table, (name) => inferCsv(table).get(name)).texts[1]).toBe(
      '{"a":9007199254740993,"b":null,"c":"1","d":false,"e":"2024-01-01 00:00:00","f":""}',
    )
  })
  test('a record with another number of values is one bad row', () => {
    const { texts, broken } = csvRows(readCsv(Buffer.from('a,b\n1,2\n3\n4,5\n'), limits), () => parseType('Int64'))
    expect(texts).toEqual(['{"a":1,"b":2}', undefined, '{"a":4,"b":5}'])
    expect(broken.get(1)).toEqual({ reason: 'has 1 values where the header has 2 columns', text: '["3"]' })
  })
  test('a quote inside a bare value is a character', () => {
    const { texts } = csvRows(readCsv(Buffer.from('a\n37°36\'37.8"N 121°2\'17.9"W\n'), limits), () => undefined)
    expect(texts).toEqual([JSON.stringify({ a: '37°36\'37.8"N 121°2\'17.9"W' })])
  })
  test('a name that is there twice, or none, is refused', () => {
    expect(() => readCsv(Buffer.from('a,a\n1,2\n'), limits)).toThrow('twice')
    expect(() => readCsv(Buffer.from('a,\n1,2\n'), limits)).toThrow('no name')
  })
})

describe('compression', () => {
  test('gzip is inflated', async () => {
    expect((await rowsOf(gzipSync('{"a":1}'), 'application/x-ndjson', 'gzip')).texts).toEqual(['{"a":1}'])
  })
  test('a bomb stops at the bound', async () => {
    const bomb = gzipSync(Buffer.alloc(limits.maxInflatedBytes + 1))
    expect(bomb.length).toBeLessThan(100_000)
    await expect(rowsOf(bomb, 'application/x-ndjson', 'gzip')).rejects.toMatchObject({ problem: 'request.too_large' })
  })
  test('what only says that it is gzip, or is something else, is refused', async () => {
    await expect(rowsOf('{}', 'application/x-ndjson', 'gzip')).rejects.toMatchObject({ problem: 'request.invalid' })
    await expect(rowsOf('{}', 'application/x-ndjson', 'br')).rejects.toMatchObject({
      problem: 'request.unsupported_media_type',
    })
    await expect(rowsOf('<a/>', 'text/html')).rejects.toMatchObject({ problem: 'request.unsupported_media_type' })
    await expect(rowsOf('a=1', 'application/x-www-form-urlencoded')).rejects.toMatchObject({
      problem: 'request.invalid',
    })
    await expect(rowsOf('{}', 'application/json; charset=latin1')).rejects.toMatchObject({
      problem: 'request.unsupported_media_type',
    })
  })
})
