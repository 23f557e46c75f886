import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../../core/model/evaluate/evaluate.ts'
import type { Column } from '../../../../core/model/table.ts'

const numbers = (name: string, ...values: number[]): Column => ({
  name,
  kind: 'number',
  values: Float64Array.from(values),
})
const texts = (name: string, ...cells: string[]): Column => {
  const labels = [...new Set(cells)].filter((cell) => cell !== '')
  return { name, kind: 'category', labels, codes: Int32Array.from(cells, (cell) => labels.indexOf(cell)) }
}

describe('a metric of two columns', () => {
  it('is of numbers, of labels, or of probabilities', () => {
    expect(evaluate('rmse', numbers('y', 1, 2), numbers('p', 1, 4)).value).toBeCloseTo(Math.SQRT2)
    expect(evaluate('Accuracy', texts('y', 'no', 'yes', 'no'), texts('p', 'yes', 'yes', 'no')).value).toBeCloseTo(2 / 3)
    expect(evaluate('f1', numbers('y', 0, 1), numbers('p', 0, 1)).value).toBe(1)
    const chances = numbers('p', 0.1, 0.9, 0.4)
    expect(evaluate('AUC', texts('y', 'no', 'yes', 'yes'), numbers('p', -3, 9, 7)).value).toBe(1)
    expect(evaluate('brier', numbers('y', 0, 1, 1), chances).value).toBeCloseTo((0.01 + 0.01 + 0.36) / 3)
    expect(evaluate('log_loss', numbers('y', 0, 1, 1), chances).value).toBeCloseTo(
      -(2 * Math.log(0.9) + Math.log(0.4)) / 3,
    )
  })

  it('leaves out rows where either is missing, and counts them', () => {
    expect(evaluate('mae', numbers('y', 1, Number.NaN, 3), numbers('p', 2, 2, Number.NaN))).toEqual({
      value: 1,
      rows: 1,
      dropped: 2,
    })
    expect(evaluate('accuracy', texts('y', 'no', ''), texts('p', 'no', 'no'))).toEqual({
      value: 1,
      rows: 1,
      dropped: 1,
    })
  })

  it('is not defined of no rows', () => {
    expect(evaluate('rmse', numbers('y'), numbers('p')).value).toBeNaN()
  })

  it('says what does not fit', () => {
    expect(() => evaluate('rsme', numbers('y', 1), numbers('p', 1))).toThrow('`rsme` is no metric; ask for `rmse`')
    expect(() => evaluate('mae', texts('y', 'a'), numbers('p', 1))).toThrow('`y`: must be a number')
    expect(() => evaluate('auc', texts('y', 'a', 'b', 'c'), numbers('p', 1, 1, 1))).toThrow('more than two values')
    expect(() => evaluate('brier', numbers('y', 0, 1), numbers('p', 0, 7))).toThrow('must be probabilities')
  })
})
