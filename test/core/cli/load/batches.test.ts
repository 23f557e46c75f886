import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Batch, batchesOf, type LoadFormat } from '../../../../core/cli/load/batches.ts'

async function cut(text: string, format: LoadFormat, chunkBytes = 7): Promise<readonly Batch[]> {
  const bytes = Buffer.from(text)
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
  const batches: Batch[] = []
  for await (const batch of batchesOf(chunks(), format)) batches.push(batch)
  return batches
}

const textOf = (batches: readonly Batch[]) => batches.map(({ body }) => Buffer.from(body).toString()).join('')

describe('NDJSON', () => {
  test('every line is a row, whether or not the last one ends, and blank lines are none', async () => {
    const [batch] = await cut('{"a":1}\n\n{"a":2}\r\n  \n{"a":3}', 'ndjson')
    expect(batch).toMatchObject({ offset: 0, rows: 3 })
    expect(textOf([batch!])).toBe('{"a":1}\n{"a":2}\r\n{"a":3}\n')
  })

  test('the cuts depend on the content alone, not on how it arrives', async () => {
    const text = Array.from({ length: 12_001 }, (_, at) => `{"at":${at}}\n`).join('')
    const small = await cut(text, 'ndjson', 1_000)
    const large = await cut(text, 'ndjson', 1 << 20)
    expect(small.map(({ rows }) => rows)).toEqual([5_000, 5_000, 2_001])
    expect(small.map(({ offset }) => offset)).toEqual(large.map(({ offset }) => offset))
    expect(Buffer.from(text).subarray(small[1]!.offset).toString()).toMatch(/^\{"at":5000\}/)
    expect(textOf(small)).toBe(text)
  })
})

describe('CSV', () => {
  test('a newline within quotes does not end a row, and every batch begins with the header', async () => {
    const rows = Array.from({ length: 5_001 }, (_, at) => `${at},"two\nlines, ""quoted"""\n`)
    const batches = await cut(`\uFEFFid,text\n${rows.join('')}`, 'csv', 4_096)
    expect(batches.map((batch) => batch.rows)).toEqual([5_000, 1])
    expect(Buffer.from(batches[1]!.body).toString()).toBe(`id,text\n${rows[5_000]}`)
  })
})

describe('JSON', () => {
  test('the objects of an array are rows with the text they have in the file', async () => {
    const [batch] = await cut(
      '[ {"id": 9007199254740993,\n "s": "a]}\\"{" },\n {"n": {"deep": [1, {}]}} ]\n',
      'json',
      3,
    )
    expect(batch?.rows).toBe(2)
    expect(textOf([batch!])).toBe('{"id": 9007199254740993,  "s": "a]}\\"{" }\n{"n": {"deep": [1, {}]}}\n')
  })

  test('any rows survive, however they are written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        async (rows, chunk, pretty) => {
          const batches = await cut(JSON.stringify(rows, null, pretty ? 2 : 0), 'json', chunk)
          const back = textOf(batches)
            .split('\n')
            .filter((line) => line !== '')
          expect(back.map((line) => JSON.parse(line) as unknown)).toEqual(JSON.parse(JSON.stringify(rows)))
        },
      ),
      { numRuns: 100 },
    )
  })

  test('what is cut off is refused', async () => {
    await expect(cut('[{"a":1},{"a":', 'json')).rejects.toThrow('ends within the object that begins at byte 9')
    await expect(cut('[1,2]', 'json')).rejects.toThrow('not the beginning of a JSON object')
  })
})
