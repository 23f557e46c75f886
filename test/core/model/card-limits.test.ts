import { describe, expect, test } from 'vitest'
import { limitsOf } from '../../../core/model/card-limits.ts'
import { completeCard } from '../../../core/model/complete-card.ts'

const card = {
  task: 'classification',
  target: 'left',
  metric: 'auc',
  rows: { used: 9_000, dropped: 0 },
  sample: { total: 9_000, share: 1 },
  parameters: { engine: 'gbdt' },
  beatsBaseline: true,
  holdout: { rows: 1_800, metrics: { auc: 0.9 }, slices: [], calibration: { expectedError: 0.01, bins: [] } },
}

describe('what a model is not good for', () => {
  const always = limitsOf(card)

  test('is said of every one', () => {
    expect(always).toHaveLength(2)
  })

  test.each([
    ['a sample', { sample: { total: 90_000, share: 0.1 } }, 'a sample: 10 % of 90,000 rows'],
    ['rows without a target', { rows: { used: 9_000, dropped: 1_000 } }, '1,000 rows without `left`'],
    ['no better than naive', { beatsBaseline: false }, 'no better than the naive answer'],
    ['few rows to judge', { holdout: { ...card.holdout, rows: 80 } }, 'judged on 80 rows'],
    [
      'a slice',
      { holdout: { ...card.holdout, slices: [{ column: 'plan', condition: '= old', rows: 40, value: 0.61234 }] } },
      'worst where `plan` = old: auc 0.612 there, 0.9 over all',
    ],
    [
      'probabilities that are off',
      { holdout: { ...card.holdout, calibration: { expectedError: 0.12, bins: [] } } },
      'off by 12 %',
    ],
    ['trees of numbers', { task: 'regression' }, 'nothing beyond what was seen'],
  ])('is said where the card shows it: %s', (_, change, words) => {
    const own = limitsOf({ ...card, ...change }).filter((sentence) => !always.includes(sentence))
    expect(own).toEqual([expect.stringContaining(words)])
  })

  test('is said of series', () => {
    const series = [{ mase: 1 }, {}]
    const left = [{ key: 'x', reason: 'y' }]
    const forecast = limitsOf({ task: 'forecast', horizon: 24, series, left }).join('\n')
    for (const words of ['1 series have no forecast', '1 series were too short', '24 steps'])
      expect(forecast).toContain(words)
    expect(limitsOf({ task: 'anomaly', rate: 0.001, series: [], left: [] }).join('\n')).toContain('0.1 % of ordinary')
  })
})

test('a card says where its model comes from', () => {
  const definition = {
    sql: ' SELECT * FROM t ',
    target: 'left',
    orderBy: 'day',
    options: { seed: 7, license: 'CC0', description: 'Who leaves' },
  }
  expect(completeCard(card, { definition, parent: 3, code: '0.1.0' })).toMatchObject({
    task: 'classification',
    limits: limitsOf(card),
    lineage: {
      query: 'SELECT * FROM t',
      orderBy: 'day',
      options: { seed: 7 },
      parent: 3,
      code: 'edgewise 0.1.0',
      license: 'CC0',
      description: 'Who leaves',
    },
  })
})
