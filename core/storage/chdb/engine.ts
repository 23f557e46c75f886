/**
 * chDB's native addon, with only what the server needs of it. The package's own front door is not enough: its parameter
 * binding runs one query at a time process-wide, its inserts take no statement of ours, and the parser's own view of a
 * statement (`classify`) is behind its experimental `durable` entry. So the addon is loaded the way the package loads it.
 */
import { createRequire } from 'node:module'

/** One connection: a context of its own (settings, parameters, database) over the one engine of the process. */
export type Connection = { readonly __connection: unique symbol }

export interface NativeResult {
  readonly bytes: Buffer
  /** Rows of the result, whatever it is called: what was read of tables the addon does not tell. */
  readonly rowsRead: number
  /** Seconds. */
  readonly elapsed: number
}

export interface NativeInsert {
  readonly rowsWritten: number
  readonly bytesWritten: number
  /** Seconds. */
  readonly elapsed: number
}

/** What ClickHouse's parser makes of a text. */
export interface Statement {
  /** 0 when it does not parse. */
  readonly statementCount: number
  /** 0 reads only; 1 and 2 write; 3 is SET, USE, SYSTEM, KILL; 4 is unknown. */
  readonly queryClass: number
}

/** Calls marked with a promise run on libuv's threads; a connection takes one of them at a time. */
interface Addon {
  EngineVersion(): string
  CreateConnection(directory: string, args: readonly string[]): Connection
  CloseConnection(connection: Connection): void
  DurableClassifyAsync(connection: Connection, sql: string, database: string): Promise<Statement>
  QueryAsyncConnection(connection: Connection, sql: string, format: string): Promise<NativeResult>
  InsertRawAsyncConnection(
    connection: Connection,
    prefix: string,
    rows: Buffer,
    countLines: boolean,
  ): Promise<NativeInsert>
  StreamQuery(connection: Connection, sql: string, format: string): unknown
  StreamCancel(stream: unknown): void
}

export interface Engine {
  readonly version: string
  /**
   * Lends a fresh connection for the time of `work`. Settings and parameters stick to a connection, and no statement
   * takes all of them off again, so a connection never serves a second query: that is what keeps one query's settings
   * from the next. Opening and closing one costs about 0.2 ms.
   */
  withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  classify(connection: Connection, sql: string): Promise<Statement>
  query(connection: Connection, sql: string, format: string): Promise<NativeResult>
  insert(connection: Connection, prefix: string, rows: Buffer): Promise<NativeInsert>
  /** Throws the parser's error for a text that is not exactly one statement. */
  refuse(connection: Connection, sql: string): never
  close(): void
}

export interface EngineOptions {
  readonly directory: string
  /** Bound of all queries together. */
  readonly memoryBytes: number
}

/** Where chDB differs from a ClickHouse server; arguments of every connection, so that a query's settings go over them. */
const serverDefaults = ['--implicit_select=0', '--allow_introspection_functions=0', '--session_timezone=UTC']

/**
 * Of the disk: with less left, nothing is inserted, merged or deleted. Where a merge met the end of the disk itself, the
 * part that it made had a file of marks without marks, and took the place of those that it was made of.
 */
const keptFreeBytes = 64 << 20

/** Opens the data directory and holds its lock until closed. Throws while another process holds it. */
export function openEngine({ directory, memoryBytes }: EngineOptions): Engine {
  const addon = loadAddon()
  const args = [
    `--max_server_memory_usage=${memoryBytes}`,
    `--storage_configuration.disks.default.keep_free_space_bytes=${keptFreeBytes}`,
    ...serverDefaults,
  ]
  // The first connection holds the directory; without it the engine would stop between two queries.
  const holder = addon.CreateConnection(directory, args)
  return {
    version: addon.EngineVersion(),
    async withConnection(work) {
      const connection = addon.CreateConnection(directory, args)
      try {
        return await work(connection)
      } finally {
        addon.CloseConnection(connection)
      }
    },
    classify: (connection, sql) => addon.DurableClassifyAsync(connection, sql, 'default'),
    query: (connection, sql, format) => addon.QueryAsyncConnection(connection, sql, format),
    insert: (connection, prefix, rows) => addon.InsertRawAsyncConnection(connection, prefix, rows, false),
    refuse(connection, sql) {
      // This entry parses one statement and no more, so nothing of the text is run before its error is known.
      addon.StreamCancel(addon.StreamQuery(connection, sql, 'Null'))
      throw new Error('Code: 62. DB::Exception: Exactly one statement is expected. (SYNTAX_ERROR)')
    },
    close: () => addon.CloseConnection(holder),
  }
}

function loadAddon(): Addon {
  const chdb = createRequire(createRequire(import.meta.url).resolve('chdb'))
  const loader = chdb('./dist/loader.js') as { loadNative(): Addon }
  return loader.loadNative()
}
