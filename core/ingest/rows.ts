/** A batch after decoding: the text of each row, and the rows that have none. */
export interface Rows {
  /** One JSON text for each row, in order; undefined where the row could not be had (see `broken`). */
  readonly texts: readonly (string | undefined)[]
  /** Rows that are bad before any schema is asked, by their index. */
  readonly broken: ReadonlyMap<number, Broken>
}

export interface Broken {
  readonly reason: string
  /** The row as far as it can be shown. */
  readonly text: string
}
