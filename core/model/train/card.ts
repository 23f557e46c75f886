import type { Calibration } from '../evaluate/calibration.ts'
import type { Importance } from '../evaluate/importance.ts'
import type { MetricName } from '../evaluate/metrics.ts'
import type { Slice } from '../evaluate/slices.ts'
import type { Note } from '../features/plan.ts'
import type { Segment } from '../kmeans/model.ts'

/** What is known of a model: of what it was made, what was tried, and how well it does. Plain data. */
interface AnyCard {
  readonly rows: {
    /** That it was trained from, in the end. */
    readonly used: number
    /** Without a target. */
    readonly dropped: number
  }
  /** Columns that it asks for. */
  readonly inputs: readonly string[]
  /** What was found in the columns, and what was done about it. */
  readonly notes: readonly Note[]
  readonly seed: number
  readonly parameters: Parameters
}

export type Parameters = Readonly<Record<string, string | number | boolean>>

export interface PredictionCard extends AnyCard {
  readonly task: 'regression' | 'classification'
  readonly target: string
  /** The classes; empty for a regression. */
  readonly labels: readonly string[]
  readonly metric: MetricName
  /** By cross-validation, on rows of which none is in `holdout`. */
  readonly tried: readonly TriedWords[]
  /** The name of one of them. */
  readonly chosen: string
  readonly holdout: Holdout
  /** Beyond what chance would do. */
  readonly beatsBaseline: boolean
}

export interface TriedWords {
  readonly name: string
  readonly mean: number
  /** Over the parts. */
  readonly sd: number
  readonly parameters: Parameters
}

/** A model of the chosen kind, trained without these rows, asked about them. */
export interface Holdout {
  readonly rows: number
  readonly split: 'random' | 'stratified' | 'last'
  readonly metrics: Metrics
  readonly baseline: { readonly says: string; readonly metrics: Metrics }
  /** Of classes. */
  readonly calibration?: Calibration
  /** Where it is worst. */
  readonly slices: readonly Slice[]
  /** On at most 2,000 of the rows. */
  readonly importance: readonly Importance[]
}

export type Metrics = Partial<Readonly<Record<MetricName, number>>>

export interface SegmentsCard extends AnyCard {
  readonly task: 'segments'
  readonly segments: readonly Segment[]
  /** −1 to 1; 0 is what rows that are no segments have. */
  readonly silhouette: number
  readonly tried: readonly { readonly k: number; readonly silhouette: number }[]
  /** Than columns that have nothing to do with one another. */
  readonly beatsBaseline: boolean
}
