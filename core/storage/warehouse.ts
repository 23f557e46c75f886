/** What the core asks of the analytical store. ClickHouse's HTTP protocol stands behind it: a server, or chDB in a child process. */
export interface WarehouseQuery {
  readonly sql: string
  /** The database that unqualified names are of. */
  readonly database: string
  /** Values of `{name:Type}`, as text in ClickHouse's own escaping rules for HTTP parameters; null is NULL. */
  readonly params?: Readonly<Record<string, string | null>>
  /** A ClickHouse format name: JSON, JSONEachRow, CSVWithNames, Parquet, ArrowStream, … */
  readonly format?: string
  readonly settings?: Readonly<Record<string, string | number>>
  /** Milliseconds since 1970; `max_execution_time` is what is left. */
  readonly deadline: number
  readonly signal: AbortSignal
}

/** A SELECT with what it needs to run, to be made part of another statement. */
export type Selection = Pick<WarehouseQuery, 'sql' | 'database' | 'params' | 'settings'>

export interface Summary {
  /** Of tables; undefined where the engine does not say (the embedded one does in JSON alone). */
  readonly rowsRead: number | undefined
  readonly bytesRead: number | undefined
  readonly resultRows: number
  readonly elapsedUs: number
}

export interface WarehouseResult {
  /** Resolved once the engine has begun to answer without an error. */
  readonly body: AsyncIterable<Uint8Array>
  /** After the body has ended. */
  summary(): Summary
}

export interface Insert {
  readonly database: string
  readonly table: string
  /** Newline-delimited JSON objects. */
  readonly rows: string
  /** MATERIALIZED columns that the rows carry too. ClickHouse drops what is not named here without a word. */
  readonly hidden?: readonly string[]
  /** `insert_deduplication_token`. */
  readonly token: string
  readonly settings?: Readonly<Record<string, string | number>>
}

/** An error of the engine itself, with ClickHouse's number, name and message as they came. */
export class WarehouseError extends Error {
  override readonly name = 'WarehouseError'
  /** ClickHouse's error number: 62 is SYNTAX_ERROR. */
  readonly number: number
  /** ClickHouse's name of it. */
  readonly kind: string

  constructor(number: number, kind: string, message: string) {
    super(message)
    this.number = number
    this.kind = kind
  }
}

/** A table to be made. */
export interface TableSql {
  readonly database: string
  readonly table: string
  readonly ifNotExists: boolean
  /** With their types, hidden ones included. */
  readonly columns: string
  /** Of the MergeTree family. */
  readonly engine: string
  /** PARTITION BY, ORDER BY, TTL. */
  readonly clauses: string
  /** More of them. */
  readonly settings?: string
  /** On a cluster: rows of the same number are on the same shard. */
  readonly shardBy: string
}

/** How tables are laid out: on one server, or on a cluster's hosts. Each list is statements, to be run in their order. */
export interface Layout {
  /** After the name in any other DDL: empty, or ` ON CLUSTER …`. */
  readonly onCluster: string
  /** Of every request. */
  readonly settings: Readonly<Record<string, string | number>>
  /** The database that the rows of a database's tables are in, for mutations and what `system` says of tables. */
  rowsOf(database: string): string
  createDatabase(name: string): readonly string[]
  createTable(table: TableSql): readonly string[]
  alterTable(database: string, table: string, change: string): readonly string[]
  dropTable(database: string, table: string): readonly string[]
  killMutations(condition: string): string
  /** A table of `system`, of every host. */
  ofHosts(table: string): string
  /** A table of `system`, of one host of each shard. */
  ofShards(table: string): string
  /** After these every host has what was inserted. */
  caughtUp(database: string, table: string): readonly string[]
}

export interface Warehouse {
  readonly layout: Layout
  /** Streams a result in a format. Errors: WarehouseError; Failure `warehouse.restarted` when its process went away. */
  stream(query: WarehouseQuery): Promise<WarehouseResult>
  /** Small results as objects (64-bit integers and decimals as strings). */
  rows<Row>(query: Omit<WarehouseQuery, 'format'>): Promise<Row[]>
  /** DDL and other statements without a result. What was begun is finished although the caller goes away. */
  command(sql: string, options?: Partial<Omit<WarehouseQuery, 'sql' | 'format'>>): Promise<void>
  insert(insert: Insert): Promise<void>
  /** Whether it answers. */
  ping(): Promise<boolean>
  close(): Promise<void>
}
