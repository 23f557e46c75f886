import { expect, test } from 'vitest'
import { type Block, createBlockReader } from '../../../../core/model/batch/native.ts'
import { type MadeColumn, nativeBlock } from '../../../support/native.ts'

const long = 'x'.repeat(300)
const columns: readonly MadeColumn[] = [
  { type: 'String', values: ['', 'größer', long] },
  { type: 'Float32', values: [1.5, Number.NaN, -2] },
  { type: 'Int64', values: [-(2n ** 63n), 0n, 7n] },
  { type: 'LowCardinality(String)', values: ['pro', '', 'pro'] },
]
const expected = [
  ['', 'größer', long],
  [1.5, Number.NaN, -2],
  [-(2n ** 63n), 0n, 7n],
  ['pro', '', 'pro'],
]

/** What the reader lends is gone after its next call. */
function valuesOf({ columns: read }: Block): unknown[][] {
  return read.map((column) => {
    if (column.kind === 'label') return Array.from(column.codes, (code) => column.labels[code])
    if (column.kind !== 'text') return [...column.values]
    return Array.from(column.starts, (start, row) => column.bytes.toString('utf8', start, column.ends[row]))
  })
}

function read(pieces: readonly Uint8Array[], maxBytes = 1e6): unknown[][][] {
  const reader = createBlockReader({ maxBytes })
  const found: unknown[][][] = []
  for (const piece of pieces) for (const block of reader.push(piece)) found.push(valuesOf(block))
  reader.end()
  return found
}

test('blocks are the same wherever they are cut', () => {
  const empty = nativeBlock(columns.map(({ type }) => ({ type, values: [] })))
  const bytes = Buffer.concat([empty, nativeBlock(columns), nativeBlock(columns)])
  for (let size = 1; size <= bytes.length; size += size < 40 ? 1 : 37) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    )
    expect(read(pieces), `in pieces of ${size} bytes`).toEqual([expected, expected])
  }
})

test('a block that is cut short, one of another type and one that is too large are errors', () => {
  const bytes = nativeBlock(columns)
  expect(() => read([bytes.subarray(0, bytes.length - 1)])).toThrow('in the middle of a block')
  const other = Buffer.from(nativeBlock([columns[1]!]).toString('latin1').replace('Float32', 'Float64'), 'latin1')
  expect(() => read([other])).toThrow('Float64 was not asked for')
  expect(() => read([bytes], bytes.length - 1)).toThrow(expect.objectContaining({ problem: 'query.result_too_large' }))
})
