import { describe, expect, it } from 'vitest'
import { auc } from '../../../../core/model/evaluate/auc.ts'
import { metrics } from '../../../../core/model/evaluate/metrics.ts'
import { ofClass } from '../../../../core/model/evaluate/scored.ts'
import { takeRows } from '../../../../core/model/features/take-rows.ts'
import { train, type Training } from '../../../../core/model/train/train.ts'
import { madeTable, withNumbers } from '../../../support/made-table.ts'
import { sampleData } from '../../../support/optional.ts'
import { runOnnx } from '../../../support/run-onnx.ts'
import { sampleTable } from '../../../support/sample-table.ts'

const { table, noise, sums, products } = madeTable(1_200, 1)
const above = (values: Float64Array): Float64Array => values.map((value) => Number(value > 0))
const added = withNumbers(table, 'y', above(sums.map((value, row) => value + noise[row]! / 2)))
const quick = { rounds: 60, folds: 3 }
const of = (given: Partial<Training> = {}): Training => ({
  table: added,
  target: 'y',
  engine: 'auto',
  options: quick,
  seed: 1,
  ...given,
})

describe('training', () => {
  it('takes what does best by cross-validation, and says what it tried', () => {
    const straight = train(of()).card
    expect(straight.tried.map(({ name }) => name)).toEqual(['linear', 'shallow trees', 'deep trees'])
    expect(straight.chosen).toBe('linear')
    const crossed = withNumbers(table, 'y', above(products.map((value, row) => value + noise[row]! / 2)))
    const crooked = train(of({ table: crossed })).card
    expect(crooked.chosen).toMatch(/trees/)
    for (const { chosen, tried, metric } of [straight, crooked]) {
      const best = Math.max(...tried.map(({ mean }) => mean))
      expect(metric).toBe('auc')
      expect(tried.find(({ name }) => name === chosen)?.mean).toBe(best)
    }
  })

  it('judges by rows that it has not seen, beside the naive baseline', () => {
    const { card } = train(of())
    const { holdout } = card
    expect(holdout).toMatchObject({ rows: 240, split: 'stratified', baseline: { metrics: { auc: 0.5 } } })
    expect(holdout.metrics.auc).toBeGreaterThan(0.9)
    expect(holdout.metrics.log_loss!).toBeLessThan(holdout.baseline.metrics.log_loss!)
    expect(holdout.calibration!.expectedError).toBeLessThan(0.1)
    expect(
      holdout.importance
        .slice(0, 3)
        .map(({ column }) => column)
        .sort(),
    ).toEqual(['a', 'b', 'plan'])
    expect(card).toMatchObject({ beatsBaseline: true, rows: { used: 1_200, dropped: 0 }, labels: ['0', '1'] })
  })

  it('does not hold that chance beats the baseline, but for one time in twenty', () => {
    const all = Array.from({ length: 12 }, (_, seed) => {
      const guess = madeTable(400, seed)
      return [guess.noise, above(guess.noise)].map((y) => {
        const settled = { ...quick, l2: 10 }
        return train(of({ table: withNumbers(guess.table, 'y', y), seed, engine: 'linear', options: settled })).card
      })
    })
    expect(all.flat().filter(({ beatsBaseline }) => beatsBaseline).length).toBeLessThanOrEqual(3)
  })

  it('rows without a target count for nothing, and are counted', () => {
    const gaps = withNumbers(
      table,
      'y',
      sums.map((value, row) => (row % 4 === 0 ? Number.NaN : value)),
    )
    const { card, signature } = train(of({ table: gaps, engine: 'linear' }))
    expect(card).toMatchObject({ task: 'regression', metric: 'rmse', rows: { used: 900, dropped: 300 } })
    expect(signature.outputs.map(({ name }) => name)).toEqual(['prediction'])
    expect(card.holdout.metrics.r2).toBeGreaterThan(0.9)
  })

  it('with rows in the order of time holds out the last', () => {
    // What held before row 900 is the other way round after it: only who is judged by the end sees that.
    const turned = withNumbers(
      table,
      'y',
      sums.map((value, row) => (row < 960 ? value : -value)),
    )
    const asTime = train(of({ table: turned, engine: 'linear', options: { ...quick, isOrdered: true } })).card
    expect(asTime.holdout).toMatchObject({ rows: 240, split: 'last' })
    expect(asTime.holdout.metrics.r2).toBeLessThan(0)
    expect(asTime.beatsBaseline).toBe(false)
  })

  it('tells three classes apart', async () => {
    const y = Int32Array.from(sums, (value, row) => (value + noise[row]! / 2 > 1 ? 2 : value > -1 ? 1 : 0))
    const column = { name: 'y', kind: 'category', codes: y, labels: ['low', 'mid', 'top'] } as const
    const many = { rows: table.rows, columns: [...table.columns, column] }
    for (const engine of ['linear', 'gbdt'] as const) {
      const { card, onnx, signature } = train(of({ table: many, engine }))
      expect(card).toMatchObject({ metric: 'log_loss', labels: ['low', 'mid', 'top'], beatsBaseline: true })
      const outputs = await runOnnx(onnx, signature, table)
      expect(metrics.accuracy.measure({ actual: Float64Array.from(y), outputs, classes: 3 })).toBeGreaterThan(0.7)
    }
  })

  it('balanced classes find more of a rare one', async () => {
    const rare = withNumbers(table, 'y', above(sums.map((value, row) => value + noise[row]! - 2.5)))
    const found = async (classWeight: 'balanced' | 'none'): Promise<number> => {
      const { onnx, signature } = train(of({ table: rare, engine: 'gbdt', options: { ...quick, classWeight } }))
      const outputs = await runOnnx(onnx, signature, table)
      return ofClass(outputs, 2, 1).filter((chance) => chance > 0.5).length
    }
    expect(await found('balanced')).toBeGreaterThan(2 * (await found('none')))
  })

  it('lets an answer only rise with a column where that is said', async () => {
    const y = withNumbers(
      table,
      'y',
      sums.map((value, row) => value + noise[row]!),
    )
    const { onnx, signature, card } = train(of({ table: y, options: { ...quick, monotone: { a: 1 } } }))
    expect(card.tried.map(({ name }) => name)).toEqual(['shallow trees', 'deep trees'])
    const one = takeRows(table, new Int32Array(50).fill(7))
    const rising = {
      ...one,
      columns: one.columns.map((column) => (column.name === 'a' ? { ...column, values } : column)),
    }
    const said = await runOnnx(onnx, signature, rising)
    expect([...said]).toEqual([...said].sort((a, b) => a - b))
    expect(() => train(of({ table: y, options: { monotone: { plam: 1 } } }))).toThrow(/no number of the model/)
  })
  const values = Float64Array.from({ length: 50 }, (_, row) => row / 10 - 2.5)

  it('the same rows and seed give the same file and card, and the whole is counted once', () => {
    const seen: number[] = []
    const once = train(of({ engine: 'gbdt', onProgress: (done, all) => void seen.push(done / all) }))
    const again = train(of({ engine: 'gbdt' }))
    expect(again.onnx).toEqual(once.onnx)
    expect(again.card).toEqual(once.card)
    expect(train(of({ engine: 'gbdt', seed: 2 })).onnx).not.toEqual(once.onnx)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(1)
  })

  it('can be stopped', () => {
    expect(() => train(of({ signal: AbortSignal.abort() }))).toThrow('aborted')
  })

  it('of ten rows makes what it can', () => {
    const few = takeRows(
      added,
      Int32Array.from({ length: 10 }, (_, row) => row),
    )
    for (const engine of ['linear', 'gbdt', 'auto'] as const)
      expect(train(of({ table: few, engine })).card.rows.used).toBe(10)
  })

  it('the card is JSON, and back', () => {
    const { card } = train(of())
    expect(JSON.parse(JSON.stringify(card))).toEqual(card)
  })
})

const telco = sampleData('telco/telco-customer-churn.csv')

it.skipIf(telco === undefined)('tells who leaves the telephone company (real data)', async () => {
  const all = sampleTable(telco!)
  const isHeld = (row: number): boolean => row % 5 === 0
  const rows = [...Array.from({ length: all.rows }).keys()]
  const held = takeRows(all, Int32Array.from(rows.filter(isHeld)))
  const learned = takeRows(all, Int32Array.from(rows.filter((row) => !isHeld(row))))
  const { onnx, signature, card } = train({ table: learned, target: 'Churn', engine: 'auto', options: quick, seed: 1 })
  expect(card.notes.map(({ column }) => column)).toContain('customerID')
  const churn = held.columns.find(({ name }) => name === 'Churn')
  if (churn?.kind !== 'category') throw new Error('another file')
  const actual = Float64Array.from(churn.codes, (code) => Number(churn.labels[code] === 'Yes'))
  const said = ofClass(await runOnnx(onnx, signature, held), 2, 1)
  expect(auc(actual, said)).toBeGreaterThan(0.83)
})
