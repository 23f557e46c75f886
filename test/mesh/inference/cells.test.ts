import { describe, expect, test } from 'vitest'
import { missingTime, readNumber, readText, readTime } from '#mesh/inference/cells.ts'

describe('a cell for a number', () => {
  test.each([
    [4, 4],
    ['4', 4],
    [' -4.5e2 ', -450],
    ['.5', 0.5],
    [true, 1],
    [false, 0],
    [null, Number.NaN],
    ['', Number.NaN],
    [' ', Number.NaN],
  ])('%j is %d', (cell, value) => expect(readNumber(cell)).toBe(value))

  test.each(['4 EUR', '0x10', 'NaN', 'Infinity', '1e999', '1e39', 1e39, Infinity, [], {}, '1_000', '1,5'])(
    '%j is none',
    (cell) => expect(readNumber(cell)).toBeUndefined(),
  )
})

describe('a cell for a text', () => {
  test.each([
    ['pro', 'pro'],
    [' pro', ' pro'],
    [' ', ''],
    [null, ''],
    [2, '2'],
    [true, 'true'],
    ['a\0b', 'a\uFFFDb'],
  ])('%j is %j', (cell, value) => expect(readText(cell)).toBe(value))

  test.each([[[]], [{}], [Number.NaN]])('%j is none', (cell) => expect(readText(cell)).toBeUndefined())
})

describe('a cell for a time', () => {
  const noon = BigInt(Date.UTC(2026, 1, 3, 12))
  test.each([
    ['2026-02-03T12:00:00Z', noon],
    ['2026-02-03 12:00', noon],
    ['2026-02-03T13:30:00+01:30', noon],
    ['2026-02-03T07:00:00.000-0500', noon],
    [Number(noon), noon],
    [Number(noon) / 1_000, noon],
    [String(noon), noon],
    ['2026-02-03', BigInt(Date.UTC(2026, 1, 3))],
    ['2026-02-03T12:00:00.5', noon + 500n],
    ['2024-02-29', BigInt(Date.UTC(2024, 1, 29))],
    ['0099-01-01', undefined],
    ['2026-02-29', undefined],
    ['2026-02-03T24:00:00', undefined],
    ['3 February 2026', undefined],
    [9e18, undefined],
    [true, undefined],
    ['', missingTime],
    [null, missingTime],
  ])('%j', (cell, value) => expect(readTime(cell)).toBe(value))
})
