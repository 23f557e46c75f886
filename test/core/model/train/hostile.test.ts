import { describe, expect, it } from 'vitest'
import { takeRows } from '../../../../core/model/features/take-rows.ts'
import type { Table } from '../../../../core/model/table.ts'
import { train, type Training } from '../../../../core/model/train/train.ts'
import { trainSegments } from '../../../../core/model/train/train-segments.ts'
import { madeTable, withNumbers } from '../../../support/made-table.ts'
import { runOnnx } from '../../../support/run-onnx.ts'

const { table, noise, sums } = madeTable(400, 3)
const known = withNumbers(
  table,
  'y',
  sums.map((value, row) => Number(value + noise[row]! > 0)),
)
const amount = withNumbers(table, 'y', sums)
const engines = ['linear', 'gbdt'] as const
const quick = { options: { rounds: 20, folds: 3 }, seed: 1 }
const of = (given: Pick<Training, 'table'> & Partial<Training>): Training => ({
  target: 'y',
  engine: 'auto',
  ...quick,
  ...given,
})

/** The table with a column in the place of another. */
function withValues({ rows, columns }: Table, name: string, values: Float64Array): Table {
  return { rows, columns: columns.map((column) => (column.name === name ? { name, kind: 'number', values } : column)) }
}

describe('rows that nobody has thought of', () => {
  it('two, three, five of them make a model or say why not', () => {
    for (const rows of [1, 2, 3, 5, 8]) {
      const some = takeRows(
        amount,
        Int32Array.from({ length: rows }, (_, row) => row),
      )
      for (const engine of engines) {
        try {
          expect(train(of({ table: some, engine })).card.rows.used).toBe(rows)
        } catch (thrown) {
          expect(thrown).toMatchObject({ name: 'Failure', message: expect.stringMatching(/\S/) })
        }
      }
    }
  })

  it('a class of a single row is kept', async () => {
    const y = Int32Array.from(sums, (value, row) => (row === 7 ? 2 : Number(value > 0)))
    const labels = ['no', 'yes', 'once']
    const single = {
      rows: 400,
      columns: [...table.columns, { name: 'y', kind: 'category', codes: y, labels } as const],
    }
    for (const engine of engines) {
      const { onnx, signature, card } = train(of({ table: single, engine }))
      expect(card.labels).toEqual(['no', 'once', 'yes'])
      const said = await runOnnx(onnx, signature, table)
      expect(said.every((chance) => chance >= 0 && chance <= 1)).toBe(true)
    }
  })

  it('infinities and numbers beyond float32 are missing, in training and in asking', async () => {
    const wild = Float64Array.from({ length: 400 }, (_, row) => [Infinity, -Infinity, 1e300, row, Number.NaN][row % 5]!)
    const strange = withNumbers(known, 'wild', wild)
    for (const engine of engines) {
      const { onnx, signature } = train(of({ table: strange, engine }))
      const said = await runOnnx(onnx, signature, withNumbers(table, 'wild', wild))
      expect(said.every((chance) => chance >= 0 && chance <= 1)).toBe(true)
    }
  })

  it('a number unlike any that was seen has a finite answer', async () => {
    const far = withValues(
      table,
      'a',
      Float64Array.from({ length: 400 }, (_, row) => (row % 2 === 0 ? 3e38 : -3e38)),
    )
    for (const engine of engines) {
      for (const from of [known, amount]) {
        const { onnx, signature } = train(of({ table: from, engine }))
        expect((await runOnnx(onnx, signature, far)).every(Number.isFinite)).toBe(true)
      }
    }
    const { onnx, signature } = trainSegments({ table, options: { k: 3 }, seed: 1 })
    expect((await runOnnx(onnx, signature, far)).every((segment) => segment >= 0 && segment < 3)).toBe(true)
  })

  it.each([
    ['linear', 1e-25],
    ['linear', 1e30],
    ['gbdt', 1e30],
  ] as const)('a target of another size is learnt as any other: %s, %s', async (engine, size) => {
    const sized = withNumbers(
      table,
      'y',
      sums.map((value) => value * size),
    )
    const { card, onnx, signature } = train(of({ table: sized, engine }))
    expect(card.holdout.metrics.r2).toBeGreaterThan(0.3)
    expect((await runOnnx(onnx, signature, table)).every(Number.isFinite)).toBe(true)
  })

  it('a column of as many texts as rows is left out, one of many is bounded', () => {
    const labels = Array.from({ length: 5_000 }, (_, at) => `label ${at}`)
    const column = (name: string, codes: Int32Array) => ({ name, kind: 'category', codes, labels }) as const
    const wide: Table = {
      rows: 400,
      columns: [
        ...known.columns,
        column(
          'id',
          Int32Array.from({ length: 400 }, (_, row) => row),
        ),
        column(
          'city',
          Int32Array.from({ length: 400 }, (_, row) => (row * 7) % 130),
        ),
      ],
    }
    for (const engine of engines) {
      const { card } = train(of({ table: wide, engine }))
      expect(card.inputs).not.toContain('id')
      expect(card.inputs).toContain('city')
    }
  })

  it('a table that is all missing but for the target has nothing to learn from', () => {
    const none: Table = {
      rows: 400,
      columns: known.columns.map((column) => {
        if (column.name === 'y') return column
        if (column.kind === 'category') return { ...column, codes: new Int32Array(400).fill(-1) }
        return { ...column, values: new Float64Array(400).fill(Number.NaN) }
      }),
    }
    expect(() => train(of({ table: none }))).toThrow(expect.objectContaining({ problem: 'model.no_features' }))
  })
})
