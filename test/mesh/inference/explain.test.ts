import { beforeAll, describe, expect, it } from 'vitest'
import { openModel } from '#mesh/inference/model.ts'
import { openOrt, type Ort } from '#mesh/inference/ort.ts'
import { createRandom } from '../../../core/model/random.ts'
import type { Table } from '../../../core/model/table.ts'
import { train } from '../../../core/model/train/train.ts'

let ort: Ort
beforeAll(async () => {
  ort = await openOrt()
})

/** Numbers, a category and a time, with blanks, and targets that hang on them. */
function made(rows: number): { readonly table: Table; readonly rows: readonly Record<string, unknown>[] } {
  const random = createRandom(11)
  const x = Float64Array.from({ length: rows }, () => (random() < 0.1 ? Number.NaN : random() * 10))
  const codes = Int32Array.from({ length: rows }, () => Math.floor(random() * 4) - 1)
  const at = Float64Array.from({ length: rows }, () => Date.UTC(2026, 0, 1) + Math.floor(random() * 90 * 86_400_000))
  const score = Float64Array.from({ length: rows }, (_, row) => {
    const base = Number.isNaN(x[row]!) ? 3 : x[row]!
    return base + 2 * codes[row]! + new Date(at[row]!).getUTCHours() / 6 + random()
  })
  const labels = ['basic', 'plus', 'pro']
  const classes = ['low', 'middle', 'high']
  const table: Table = {
    rows,
    columns: [
      { name: 'x', kind: 'number', values: x },
      { name: 'plan', kind: 'category', codes, labels },
      { name: 'at', kind: 'time', values: at },
      { name: 'amount', kind: 'number', values: score },
      {
        name: 'two',
        kind: 'category',
        codes: Int32Array.from(score, (one) => Number(one > 8)),
        labels: classes.slice(0, 2),
      },
      {
        name: 'three',
        kind: 'category',
        codes: Int32Array.from(score, (one) => Number(one > 6) + Number(one > 9)),
        labels: classes,
      },
    ],
  }
  const json = Array.from({ length: rows }, (_, row) => ({
    x: Number.isNaN(x[row]!) ? null : x[row]!,
    plan: codes[row]! < 0 ? '' : labels[codes[row]!]!,
    at: new Date(at[row]!).toISOString(),
  }))
  return { table, rows: json }
}

describe('an explanation', () => {
  const { table, rows } = made(600)

  it.each(
    (['gbdt', 'linear'] as const).flatMap((engine) =>
      ['amount', 'two', 'three'].map((target) => [engine, target] as const),
    ),
  )('of %s, %s, adds up to the score of what was predicted, by raw columns', async (engine, target) => {
    const others = ['amount', 'two', 'three'].filter((name) => name !== target)
    const { onnx } = train({ table, target, engine, seed: 1, options: { ignore: others, rounds: 30 } })
    const model = await openModel(onnx, async () => ort)
    const { answers, explanations = [] } = model.predict(rows.slice(0, 50), { probabilities: true, explain: true })
    expect(explanations).toHaveLength(50)
    for (const [at, { base, contributions, of }] of explanations.entries()) {
      expect(Object.keys(contributions).every((name) => ['x', 'plan', 'at'].includes(name))).toBe(true)
      const score = Object.values(contributions).reduce((sum, one) => sum + one, base)
      const { prediction, probability = 0, probabilities = {} } = answers[at]!
      if (target === 'amount') expect(score).toBeCloseTo(Number(prediction), 3)
      else expect(of).toBe(prediction)
      // The score of a class is its log-odds, of two; of more only differences of scores mean something.
      if (target === 'two') expect(1 / (1 + Math.exp(-score))).toBeCloseTo(probability, 5)
      if (target === 'three') expect(probabilities[String(prediction)]).toBe(probability)
    }
    // What was put first tells most.
    const sizes = Object.values(explanations[0]!.contributions).map(Math.abs)
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
    model.release()
  })

  it('is refused for too many rows', async () => {
    const { onnx } = train({
      table,
      target: 'amount',
      engine: 'linear',
      seed: 1,
      options: { ignore: ['two', 'three'] },
    })
    const model = await openModel(onnx, async () => ort)
    expect(() => model.predict(rows.slice(0, 101), { explain: true })).toThrow('100 rows can be explained at once.')
  })
})
