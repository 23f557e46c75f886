/**
 * How each raw column is used. Learned from the rows of training, and applied alike by `encode` and by the graph that
 * `addFeatures` writes. Plain data.
 */
export interface FeaturePlan {
  /** Absent where nothing is predicted, as by k-means. */
  readonly target?: TargetPlan
  /** Numbers, then categories, then times, so that the graph needs few nodes. */
  readonly inputs: readonly InputPlan[]
  /** What was found in the columns, for the model's card. */
  readonly notes: readonly Note[]
  /** Those with a target. */
  readonly rows: number
  /** Those without. */
  readonly dropped: number
}

export type TargetPlan =
  | { readonly name: string; readonly task: 'regression' }
  | { readonly name: string; readonly task: 'classification'; readonly labels: readonly string[] }

export type InputPlan = NumberInput | CategoryInput | TimeInput

interface Used {
  readonly name: string
  /** Rows of training where it is missing. */
  readonly missing: number
}

export interface NumberInput extends Used {
  readonly kind: 'number'
  /** Of what was seen, as a float32. */
  readonly min: number
  readonly max: number
}

export interface CategoryInput extends Used {
  readonly kind: 'category'
  /** Code i is the i-th, the most frequent first. */
  readonly labels: readonly string[]
  /** There were more: all others have the code after the last. Else a text that is not there is missing. */
  readonly other: boolean
}

export interface TimeInput extends Used {
  readonly kind: 'time'
  /** Those that vary in what was seen. */
  readonly parts: readonly TimePart[]
  /** Milliseconds since 1970. */
  readonly min: number
  readonly max: number
}

export type TimePart = 'days' | 'month' | 'day' | 'weekday' | 'hour' | 'minute'

export interface Note {
  readonly column: string
  readonly finding: string
  readonly action: string
}
