import { describe, expect, it } from 'vitest'
import { allBut, blocks, folds, shuffled } from '../../../../core/model/evaluate/folds.ts'

const rare = Float64Array.from({ length: 103 }, (_, row) => Number(row % 10 === 0))

describe('folds', () => {
  it('hold every row once, in parts of equal size', () => {
    const parts = folds(rare, 5, { seed: 1, stratified: false })
    expect(parts.map(({ length }) => length).sort((a, b) => a - b)).toEqual([20, 20, 21, 21, 21])
    expect(parts.flatMap((part) => [...part]).sort((a, b) => a - b)).toEqual([...rare.keys()])
  })

  it('give every part its share of a rare class', () => {
    const parts = folds(rare, 5, { seed: 1, stratified: true })
    for (const part of parts) {
      const ones = part.filter((row) => rare[row] === 1).length
      expect(ones === 2 || ones === 3).toBe(true)
    }
  })

  it('are the same for a seed and others for another', () => {
    const of = (seed: number): Int32Array[] => folds(rare, 3, { seed, stratified: true })
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
  })

  it('are fewer where there are fewer rows, and what is trained from is the rest', () => {
    const parts = folds(Float64Array.of(1, 2, 3), 5, { seed: 1, stratified: false })
    expect(parts).toHaveLength(3)
    expect([...allBut(parts, 0), ...parts[0]!].sort((a, b) => a - b)).toEqual([0, 1, 2])
  })
})

it('rows in the order of time are cut, not dealt', () => {
  expect(blocks(7, 3).map((part) => [...part])).toEqual([
    [0, 1],
    [2, 3, 4],
    [5, 6],
  ])
  expect(blocks(2, 3)).toHaveLength(2)
})

it('an order that a seed decides has every row in every place about as often', () => {
  const counts = new Int32Array(4)
  for (let seed = 0; seed < 4_000; seed++) counts[shuffled(4, seed).indexOf(0)]!++
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(120)
})
