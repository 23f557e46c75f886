import { createRandom } from '../../core/model/random.ts'
import type { Feature } from '../../core/model/feature.ts'

export interface Made {
  readonly features: readonly Feature[]
  /** What the features say of each row, with noise. */
  readonly signal: Float64Array
}

interface MadeOptions {
  readonly rows: number
  readonly numbers?: number
  readonly categories?: number
  readonly labels?: number
  /** Share of the values that are missing. */
  readonly missing?: number
  readonly seed: number
}

/** Rows that a seed makes up: a signal of steps, curves, products and categories, so that trees have something to find. */
export function madeFeatures({
  rows,
  numbers = 6,
  categories = 2,
  labels = 12,
  missing = 0.1,
  seed,
}: MadeOptions): Made {
  const random = createRandom(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const column = (of: () => number) => Float32Array.from({ length: rows }, () => (random() < missing ? NaN : of()))
  const features: Feature[] = [
    ...Array.from({ length: numbers }, (_, i) => ({ name: `number_${i}`, values: column(normal) })),
    ...Array.from({ length: categories }, (_, i) => ({
      name: `category_${i}`,
      values: column(() => Math.floor(random() * labels)),
      labels: Array.from({ length: labels }, (_, label) => `label ${label}`),
    })),
  ]
  const worth = Float64Array.from({ length: labels }, normal)
  const signal = Float64Array.from({ length: rows }, (_, row) => {
    const at = (i: number) => features[i]?.values[row] ?? 0
    const known = (i: number, otherwise: number) => (Number.isNaN(at(i)) ? otherwise : at(i))
    const category = categories > 0 ? (worth[at(numbers)] ?? 0.5) : 0
    return known(0, 1) + known(1, 0) * known(2, 0.5) + Math.sin(2 * known(3, 1)) + category + normal() / 2
  })
  return { features, signal }
}
