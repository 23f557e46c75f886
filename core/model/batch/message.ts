/** How rows are written: what stands before, between and after them. */
export type RowsFormat = 'JSON' | 'JSONEachRow' | 'CSVWithNames'

/** What a model can add to a row. */
export type Output = 'prediction' | 'probability' | 'distance'

/** What is written of each row. */
export interface BatchPlan {
  readonly format: RowsFormat
  /** Of the whole answer, in their order. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Whether the rows have columns of their own there; the engine has written them. */
  readonly hasOwn: boolean
  /** What the model adds behind them. */
  readonly added: readonly { readonly name: string; readonly output: Output }[]
  /** Of one block of rows. */
  readonly maxBlockBytes: number
}

/** To the thread that predicts. Each is answered, in this order. */
export type Task =
  | { readonly kind: 'load'; readonly sha256: string; readonly file: Uint8Array }
  | { readonly kind: 'unload'; readonly sha256: string }
  | { readonly kind: 'begin'; readonly batch: number; readonly sha256: string; readonly plan: BatchPlan }
  /** Blocks in ClickHouse's Native format, cut anywhere: the row as it is written, then the model's inputs. */
  | { readonly kind: 'rows'; readonly batch: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly batch: number }
  | { readonly kind: 'forget'; readonly batch: number }

export type Done =
  /** What there is of the answer by now, cut anywhere. */
  | { readonly kind: 'done'; readonly pieces: readonly Uint8Array<ArrayBuffer>[] }
  /** What the rows are to blame for: a Failure, by its parts. */
  | { readonly kind: 'refused'; readonly problem: string; readonly detail: string; readonly hint: string }
  | { readonly kind: 'failed'; readonly error: unknown }
