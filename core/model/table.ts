/** Rows as columns: what a training query gives, before anything is done to it. */
export interface Table {
  readonly rows: number
  readonly columns: readonly Column[]
}

export type Column = NumberColumn | CategoryColumn | TimeColumn

export interface NumberColumn {
  readonly name: string
  readonly kind: 'number'
  /** NaN where it is missing. Booleans are 0 and 1. */
  readonly values: Float64Array
}

export interface CategoryColumn {
  readonly name: string
  readonly kind: 'category'
  /** Into `labels`; −1 where it is missing. */
  readonly codes: Int32Array
  readonly labels: readonly string[]
}

export interface TimeColumn {
  readonly name: string
  readonly kind: 'time'
  /** Milliseconds since 1970 in UTC; NaN where it is missing. */
  readonly values: Float64Array
}
