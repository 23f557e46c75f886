import { expect, test } from 'vitest'
import { closest } from '#mesh/closest.ts'

test.each([
  ['prefx', ['prefix', 'path'], 'prefix'],
  ['Status', ['status'], 'status'],
  ['stauts', ['status'], 'status'],
  ['x', ['status'], undefined],
  ['y'.repeat(100_000), ['y'], undefined],
])('what was probably meant by %s of %j is %s', (name, known, meant) => {
  expect(closest(name, known)).toBe(meant)
})
