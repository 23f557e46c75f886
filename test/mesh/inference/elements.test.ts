import { describe, expect, test } from 'vitest'
import { cellOf, readElements, writeElements } from '#mesh/inference/elements.ts'

const bytesOf = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes)

function cells(bytes: Uint8Array, datatype: string, count: number): unknown {
  const read = readElements(bytes, datatype, count)
  return 'reason' in read ? read.reason : read.elements.map(cellOf)
}

describe('bytes', () => {
  test.each([
    ['BOOL', bytesOf(1, 0), [true, false]],
    ['INT8', bytesOf(0xff, 2), [-1, 2]],
    ['UINT8', bytesOf(0xff, 2), [255, 2]],
    ['INT16', bytesOf(0xfe, 0xff, 0, 1), [-2, 256]],
    ['UINT16', bytesOf(0xfe, 0xff, 0, 1), [65_534, 256]],
    ['INT32', bytesOf(0xfe, 0xff, 0xff, 0xff, 0, 1, 0, 0), [-2, 256]],
    ['UINT32', bytesOf(0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0), [4_294_967_295, 256]],
    ['INT64', bytesOf(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80), [256, null]],
    ['UINT64', bytesOf(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80), [256, 2 ** 63]],
    ['FP16', bytesOf(0, 0x3c, 0, 0x7e), [1, null]],
    ['FP32', bytesOf(0, 0, 0xc0, 0x3f, 0, 0, 0xc0, 0x7f), [1.5, null]],
    ['FP64', bytesOf(0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f), [1.5, null]],
    ['BYTES', bytesOf(2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0), ['é', '']],
  ])('of %s are read in little-endian, and what is missing is null', (datatype, bytes, wanted) => {
    expect(cells(bytes, datatype, 2)).toEqual(wanted)
    // Wherever in a body they stand.
    const shifted = Uint8Array.of(7, ...bytes).subarray(1)
    expect(cells(shifted, datatype, 2)).toEqual(wanted)
  })

  test.each([
    ['FP32', bytesOf(1, 2, 3), 1, 'has 3 bytes, and 1 elements of FP32 have 4'],
    ['FP32', bytesOf(1, 2, 3, 4, 5), 1, 'has 5 bytes, and 1 elements of FP32 have 4'],
    ['INT64', bytesOf(), 2, 'has 0 bytes, and 2 elements of INT64 have 16'],
    ['BYTES', bytesOf(1, 0, 0), 1, 'ends amid element 0 of 1'],
    ['BYTES', bytesOf(2, 0, 0, 0, 65), 1, 'ends amid element 0 of 1'],
    ['BYTES', bytesOf(0xff, 0xff, 0xff, 0xff, 65), 1, 'ends amid element 0 of 1'],
    ['BYTES', bytesOf(1, 0, 0, 0, 65), 2, 'ends amid element 1 of 2'],
    ['BYTES', bytesOf(1, 0, 0, 0, 65, 66), 1, 'has 1 bytes behind its 1 elements'],
  ])('of %s that are too few or too many are refused: %j', (datatype, bytes, count, reason) => {
    expect(cells(bytes, datatype, count)).toBe(reason)
  })

  test('that are no text are none', () => {
    expect(cells(bytesOf(1, 0, 0, 0, 0xff), 'BYTES', 1)).toEqual([undefined])
  })
})

test('what is written is read again', () => {
  expect(cells(writeElements('FP32', [1.5, -2, undefined]), 'FP32', 3)).toEqual([1.5, -2, null])
  expect(cells(writeElements('BYTES', ['größer', '', '𝕏']), 'BYTES', 3)).toEqual(['größer', '', '𝕏'])
  expect(writeElements('BYTES', [])).toEqual(new Uint8Array())
})
