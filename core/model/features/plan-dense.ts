import type { Feature } from '../feature.ts'

/**
 * How features become what linear models and k-means take: numbers standardised, with the mean where they are missing;
 * a column for what was missing in training; a column for each label. Plain data.
 */
export interface DensePlan {
  /** Numbers first, then those of missing values, then labels. */
  readonly columns: readonly DenseColumn[]
}

export type DenseColumn = StandardColumn | MissingColumn | LabelColumn

interface Made {
  /** `tenure`, `tenure is missing`, `contract = One year`. */
  readonly name: string
  /** Of X. */
  readonly feature: number
}

export interface StandardColumn extends Made {
  readonly kind: 'number'
  /** Float32s: (x − mean) × perDeviation, missing is 0. */
  readonly mean: number
  readonly perDeviation: number
}

/** 1 where it is missing, else 0. */
export interface MissingColumn extends Made {
  readonly kind: 'missing'
}

/** 1 where the feature has this code, else 0; a missing one has none. */
export interface LabelColumn extends Made {
  readonly kind: 'label'
  readonly code: number
}

/** Learned from the rows of training. What does not vary in them gets no column of its own. */
export function planDense(features: readonly Feature[]): DensePlan {
  const numbers: StandardColumn[] = []
  const missing: MissingColumn[] = []
  const labels: LabelColumn[] = []
  for (const [feature, { name, values, labels: known }] of features.entries()) {
    const gaps = values.some(Number.isNaN)
    if (gaps) missing.push({ kind: 'missing', name: `${name} is missing`, feature })
    if (known === undefined) {
      const { mean, deviation } = momentsOf(values)
      const perDeviation = Math.fround(1 / deviation)
      if (deviation > 0 && Number.isFinite(perDeviation)) {
        numbers.push({ kind: 'number', name, feature, mean: Math.fround(mean), perDeviation })
      }
    } else {
      const seen = new Set(values)
      for (const [code, label] of known.entries()) {
        if (seen.has(code)) labels.push({ kind: 'label', name: `${name} = ${label}`, feature, code })
      }
    }
  }
  return { columns: [...numbers, ...missing, ...labels] }
}

/** In two passes, so that large values do not drown small differences. */
function momentsOf(values: Float32Array): { mean: number; deviation: number } {
  let rows = 0
  let sum = 0
  for (const value of values) {
    if (Number.isNaN(value)) continue
    rows++
    sum += value
  }
  const mean = sum / rows
  let squares = 0
  for (const value of values) if (!Number.isNaN(value)) squares += (value - mean) ** 2
  return { mean, deviation: Math.sqrt(squares / rows) }
}
