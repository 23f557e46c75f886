import type { ColumnType } from './types.ts'

/** What happens to a field that no column has. */
export type OnUnknown = 'add' | 'ignore' | 'quarantine'

export interface Column {
  readonly name: string
  /** ClickHouse's notation, as `typeText` writes it. */
  readonly type: string
  readonly pii: boolean
}

/** The shape of a stream. */
export interface Definition {
  readonly columns: readonly Column[]
  readonly orderBy: readonly string[]
  /** A key of `partition.ts`'s grammar; empty means unpartitioned. */
  readonly partitionBy: string
  /** `90 DAY`, or empty for good. */
  readonly ttl: string
  /** The column that identifies an event, or empty. */
  readonly id: string
  /** The column that holds an event's time, or empty. */
  readonly time: string
  readonly onUnknown: OnUnknown
  /** A JSON Schema that rows must satisfy beside their columns, or empty. */
  readonly jsonSchema: string
}

/** A column with its type read. */
export interface TypedColumn {
  readonly name: string
  readonly type: ColumnType
}
