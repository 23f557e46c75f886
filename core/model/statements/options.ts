import { choice, directions, fallback, integer, interval, real, text, texts, type OptionType } from './option-types.ts'
import { unitsMs } from './interval.ts'

export const engines = ['gbdt', 'linear', 'kmeans', 'forecast', 'anomaly'] as const
export type Engine = (typeof engines)[number]

interface Option<T> {
  readonly type: OptionType<T>
  /** Engines that it says something to. */
  readonly engines: readonly Engine[]
  /** For the README and `--help`. */
  readonly summary: string
}

const tabular: readonly Engine[] = ['gbdt', 'linear']

/** Every option that USING takes. What is checked, what is said of it and what its value becomes all come from here. */
export const options = {
  engine: {
    type: choice('auto', ...engines),
    engines,
    summary: 'What trains: `auto` compares those that fit by cross-validation and takes the best.',
  },
  placement: {
    type: choice('auto', 'edge', 'core'),
    engines,
    summary: 'Where it predicts: `auto` is at the edge, unless it is too big for it.',
  },
  seed: {
    type: integer(0, 2 ** 32 - 1),
    engines,
    summary: 'Of everything random: the same seed over the same rows gives the same model, bit for bit.',
  },
  max_rows: {
    type: integer(100, 10_000_000),
    engines,
    summary: 'Rows that it is trained from; of more a sample is taken.',
  },
  time_limit: {
    type: interval(10 * unitsMs.SECONDS, unitsMs.DAYS),
    engines,
    summary: 'How long training may take; then it fails.',
  },
  holdout: {
    type: real(0.05, 0.5),
    engines: tabular,
    summary:
      'Share of the rows that it is evaluated on and not trained from: the last ones where there is an ORDER BY.',
  },
  folds: {
    type: integer(2, 20),
    engines: tabular,
    summary: 'Parts of the cross-validation that candidates are compared by.',
  },
  class_weight: {
    type: choice('none', 'balanced'),
    engines: tabular,
    summary: 'With `balanced`, rare classes weigh as much as frequent ones.',
  },
  rounds: {
    type: integer(1, 10_000),
    engines: ['gbdt'],
    summary: 'Trees at most, for each class; early stopping may end it before.',
  },
  early_stopping: {
    type: integer(1, 1_000),
    engines: ['gbdt'],
    summary: 'Rounds without a gain on held-out rows after which it stops.',
  },
  depth: {
    type: integer(1, 16),
    engines: ['gbdt'],
    summary: 'How deep a tree may be.',
  },
  learning_rate: {
    type: real(0.001, 1),
    engines: ['gbdt'],
    summary: 'How much of each tree is added.',
  },
  bins: {
    type: integer(2, 255),
    engines: ['gbdt'],
    summary: 'Intervals that the values of a feature are sorted into.',
  },
  row_sample: {
    type: real(0.1, 1),
    engines: ['gbdt'],
    summary: 'Share of the rows that each tree sees.',
  },
  column_sample: {
    type: real(0.1, 1),
    engines: ['gbdt'],
    summary: 'Share of the features that each tree sees.',
  },
  monotone: {
    type: directions(256),
    engines: ['gbdt'],
    summary: 'Features that the prediction may only rise (1) or fall (-1) with.',
  },
  keep: {
    type: texts(256, 200),
    engines: [...tabular, 'kmeans'],
    summary: 'Columns that are used although they look like identifiers, leaks or copies of others.',
  },
  l2: {
    type: real(0, 1_000_000),
    engines: tabular,
    summary: 'How much large values of leaves or coefficients are penalised.',
  },
  l1: {
    type: real(0, 1),
    engines: ['linear'],
    summary:
      'How much coefficients other than zero are penalised: the share of the strength at which none is left, so 0.1 means the same whatever the units.',
  },
  k: {
    type: integer(2, 50),
    engines: ['kmeans'],
    summary: 'Segments; without it their number is chosen by silhouette.',
  },
  fallback: {
    type: fallback(),
    engines: [...tabular, 'kmeans'],
    summary: 'What is answered where neither edge nor core can predict: the previous version, 503, or a constant.',
  },
  description: {
    type: text(2_000),
    engines,
    summary: 'For the model card.',
  },
  license: {
    type: text(200),
    engines,
    summary: 'For the model card: under which licence the model may be used.',
  },
  tags: {
    type: texts(20, 64),
    engines,
    summary: 'To find it by.',
  },
} as const satisfies Record<string, Option<unknown>>

export type OptionName = keyof typeof options

export const optionNames = Object.keys(options) as readonly OptionName[]

/** What was given, by name, as the table's types read it. */
export type ModelOptions = {
  readonly [N in OptionName]?: (typeof options)[N]['type'] extends OptionType<infer T> ? T : never
}
