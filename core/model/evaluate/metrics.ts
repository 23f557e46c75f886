import { auc } from './auc.ts'
import { accuracy, balancedAccuracy, brier, f1Macro, logLoss } from './classification.ts'
import { mae, mape, r2, rmse } from './regression.ts'
import { mostProbable, ofClass, type Scored } from './scored.ts'

export interface Metric {
  readonly of: 'classes' | 'numbers'
  readonly better: 'higher' | 'lower'
  readonly measure: (scored: Scored) => number
}

/** Every metric there is, by the name that it has in SQL and on cards. */
export const metrics = {
  auc: { of: 'classes', better: 'higher', measure: meanAuc },
  log_loss: {
    of: 'classes',
    better: 'lower',
    measure: ({ actual, outputs, classes }) => logLoss(actual, outputs, classes),
  },
  brier: { of: 'classes', better: 'lower', measure: ({ actual, outputs, classes }) => brier(actual, outputs, classes) },
  accuracy: { of: 'classes', better: 'higher', measure: (scored) => accuracy(scored.actual, named(scored)) },
  balanced_accuracy: {
    of: 'classes',
    better: 'higher',
    measure: (scored) => balancedAccuracy(scored.actual, named(scored)),
  },
  f1: { of: 'classes', better: 'higher', measure: (scored) => f1Macro(scored.actual, named(scored)) },
  rmse: { of: 'numbers', better: 'lower', measure: ({ actual, outputs }) => rmse(actual, outputs) },
  mae: { of: 'numbers', better: 'lower', measure: ({ actual, outputs }) => mae(actual, outputs) },
  r2: { of: 'numbers', better: 'higher', measure: ({ actual, outputs }) => r2(actual, outputs) },
  mape: { of: 'numbers', better: 'lower', measure: ({ actual, outputs }) => mape(actual, outputs) },
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof metrics

/** What models are chosen by: of two classes their order, of more the probabilities themselves, of numbers the error. */
export function headline(classes: number): MetricName {
  if (classes === 0) return 'rmse'
  return classes === 2 ? 'auc' : 'log_loss'
}

/** Every metric of its kind; those that are not defined for these rows are left out. */
export function measureAll(scored: Scored): Partial<Record<MetricName, number>> {
  const kind = scored.classes === 0 ? 'numbers' : 'classes'
  const measured = Object.entries<Metric>(metrics)
    .filter(([, { of }]) => of === kind)
    .map(([name, { measure }]) => [name, measure(scored)] as const)
  return Object.fromEntries(measured.filter(([, value]) => Number.isFinite(value)))
}

export function isBetter(name: MetricName, value: number, than: number): boolean {
  return metrics[name].better === 'higher' ? value > than : value < than
}

function named({ outputs, classes }: Scored): Float64Array {
  return mostProbable(outputs, classes)
}

/** Of two classes the second against the first; of more the mean of each against the rest, over those that occur. */
function meanAuc({ actual, outputs, classes }: Scored): number {
  if (classes === 2) return auc(actual, ofClass(outputs, 2, 1))
  const areas = Array.from({ length: classes }, (_, code) => {
    const isOne = actual.map((value) => (value === code ? 1 : 0))
    return auc(isOne, ofClass(outputs, classes, code))
  }).filter((area) => !Number.isNaN(area))
  return areas.reduce((sum, area) => sum + area, 0) / areas.length
}
