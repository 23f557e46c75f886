import type { Bound } from './minimise.ts'
import { naive } from './naive.ts'
import { type Pass, smooth } from './smooth.ts'
import { theta } from './theta.ts'

export type MethodName =
  | 'naive'
  | 'seasonal naive'
  | 'exponential smoothing'
  | 'Holt'
  | 'damped trend'
  | 'Theta'
  | 'Holt–Winters, added'
  | 'Holt–Winters, multiplied'
  | 'double season'

export interface Method {
  readonly name: MethodName
  /** What is fitted to a series. */
  readonly bounds: readonly Bound[]
  /** Whether it can be for such a series; multiplied factors need values above zero. */
  suits(values: Float64Array, seasons: readonly number[]): boolean
  /** One pass over the values; `fitted` has one number for each of `bounds`, `seasons` are lengths, shortest first. */
  pass(values: Float64Array, seasons: readonly number[], fitted: readonly number[], origins: readonly number[]): Pass
}

const level: Bound = { lower: 0.001, upper: 0.999, start: 0.3 }
const slow: Bound = { lower: 0.0001, upper: 0.5, start: 0.05 }
/** Gardner (2006): less is no trend, more is hardly damped. */
const damping: Bound = { lower: 0.8, upper: 0.995, start: 0.95 }
const season: Bound = { lower: 0, upper: 0.9, start: 0.15 }
const echo: Bound = { lower: 0, upper: 0.99, start: 0.7 }

const fits = (values: Float64Array, length: number | undefined): boolean =>
  length !== undefined && values.length >= 2 * length

function holtWinters(name: MethodName, kind: 'add' | 'multiply'): Method {
  return {
    name,
    bounds: [{ ...level, start: 0.1 }, { ...slow, start: 0.01 }, damping, season],
    suits: (values, seasons) =>
      fits(values, seasons.at(-1)) && (kind === 'add' || values.every((value) => !(value <= 0))),
    pass: (values, seasons, [level = 0, trend = 0, damping = 1, weight = 0], origins) =>
      smooth(values, { level, trend, damping, seasons: [{ length: seasons.at(-1)!, kind, weight }], echo: 0 }, origins),
  }
}

/** From simple to complex: of two that are as good, the first is taken. */
export const methods: readonly Method[] = [
  { name: 'naive', bounds: [], suits: () => true, pass: (values, _, __, origins) => naive(values, 1, origins) },
  {
    name: 'seasonal naive',
    bounds: [],
    suits: (values, seasons) => seasons.length > 0 && values.length >= seasons.at(-1)!,
    pass: (values, seasons, _, origins) => naive(values, seasons.at(-1)!, origins),
  },
  {
    name: 'exponential smoothing',
    bounds: [level],
    suits: () => true,
    pass: (values, _, [level = 0], origins) =>
      smooth(values, { level, trend: 0, damping: 1, seasons: [], echo: 0 }, origins),
  },
  {
    name: 'Holt',
    bounds: [level, slow],
    suits: () => true,
    pass: (values, _, [level = 0, trend = 0], origins) =>
      smooth(values, { level, trend, damping: 1, seasons: [], echo: 0 }, origins),
  },
  {
    name: 'damped trend',
    bounds: [level, slow, damping],
    suits: () => true,
    pass: (values, _, [level = 0, trend = 0, damping = 1], origins) =>
      smooth(values, { level, trend, damping, seasons: [], echo: 0 }, origins),
  },
  {
    name: 'Theta',
    bounds: [level],
    suits: () => true,
    pass: (values, seasons, [weight = 0], origins) =>
      theta(values, weight, fits(values, seasons.at(-1)) ? seasons.at(-1) : undefined, origins),
  },
  holtWinters('Holt–Winters, added', 'add'),
  holtWinters('Holt–Winters, multiplied', 'multiply'),
  {
    name: 'double season',
    bounds: [{ ...level, start: 0.01 }, season, season, echo],
    suits: (values, seasons) => seasons.length === 2 && fits(values, seasons[1]),
    pass: (values, seasons, [level = 0, first = 0, second = 0, echo = 0], origins) => {
      const weights = [first, second]
      const both = seasons.map((length, i) => ({ length, kind: 'add' as const, weight: weights[i]! }))
      return smooth(values, { level, trend: 0, damping: 1, seasons: both, echo }, origins)
    },
  },
]
