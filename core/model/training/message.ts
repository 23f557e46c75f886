import type { Reading } from '../features/reading.ts'
import type { ModelDefinition } from '../schema.ts'

/** What a training gave. */
export interface Trained {
  /** ONNX with its signature; of series, JSON. */
  readonly file: Uint8Array<ArrayBuffer>
  readonly engine: string
  readonly card: Readonly<Record<string, unknown>>
  readonly beatsBaseline: boolean
}

/** How the rows were read. */
export interface Sample {
  readonly total: number
  readonly share: number
}

/** What to train, and how its rows come. */
export interface Assignment {
  readonly definition: ModelDefinition
  readonly reading: Reading
  readonly sample: Sample
  readonly seed: number
  /** Of the table in memory. */
  readonly maxBytes: number
}

/** To the thread that trains: first what, then the rows as the warehouse writes them, then that there are no more. */
export type ToTrainer =
  | ({ readonly kind: 'begin' } & Assignment)
  | { readonly kind: 'rows'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }

export type FromTrainer =
  /** So many bytes of rows are in the table. */
  | { readonly kind: 'took'; readonly bytes: number }
  | { readonly kind: 'progress'; readonly phase: string; readonly done: number; readonly of: number }
  | { readonly kind: 'trained'; readonly trained: Trained }
  /** What the rows or the definition are to blame for: a Failure, by its parts. */
  | {
      readonly kind: 'refused'
      readonly problem: string
      readonly detail: string
      readonly hint: string
      readonly errors: readonly { readonly pointer?: string; readonly reason: string }[]
    }
