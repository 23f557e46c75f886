/** The warehouse over ClickHouse's HTTP protocol: a server, or the embedded one; this code cannot tell which. */
import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { Logger } from 'pino'

import { Failure } from '#mesh/errors.ts'

import { WarehouseError, type Insert, type Summary, type Warehouse, type WarehouseQuery } from '../warehouse.ts'
import { untilException } from './body.ts'
import { restarted, toRefusal } from './exceptions.ts'
import { quoteName } from '../quote.ts'

export interface ConnectOptions {
  readonly url: string
  readonly username: string
  readonly password: string
  /** Requests at once; more wait for a connection. */
  readonly maxConnections: number
  readonly log: Logger
}

/** So that every engine behaves alike, whatever its profile says. */
const everywhere: Settings = {
  session_timezone: 'UTC',
  // A caller who has gone away stops costing anything.
  cancel_http_readonly_queries_on_client_close: 1,
  http_write_exception_in_output_format: 0,
}

/** An insert is one block, so that it becomes one part in each partition: it is there as a whole or not at all. */
const insertSettings: Settings = {
  async_insert: 0,
  insert_allow_materialized_columns: 1,
  max_insert_block_size: 10_000_000,
  min_insert_block_size_rows: 10_000_000,
  min_insert_block_size_bytes: 2 ** 30,
}

type Settings = Readonly<Record<string, string | number>>

interface Request {
  readonly sql: string
  readonly settings: Settings
  /** Data of an insert. */
  readonly rows?: string
  /** Milliseconds since 1970. */
  readonly deadline: number
  readonly signal?: AbortSignal
}

interface Answer {
  readonly stream: IncomingMessage
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Takes the watch over deadline and signal off. */
  release(): void
  /** What an error of the connection means. */
  explain(thrown: unknown): unknown
}

/** How long a connection is kept unused; ClickHouse itself keeps one for 3 seconds or more. */
const idleMs = 2_000
/** How long a statement without a deadline may take. */
const commandTimeoutMs = 600_000
/** How long past its deadline a query's own error is waited for. */
const graceMs = 5000
/** Parameters and settings travel in the URL, percent-encoded, where ClickHouse takes 1 MiB. */
const maxOptionBytes = 300_000
/** What `rows` holds at most. */
const maxRowsBytes = 64 * 1024 * 1024

export function connectWarehouse({ url, username, password, maxConnections, log }: ConnectOptions): Warehouse {
  const client = createClient({
    url,
    username,
    password,
    // What is sent on a connection that the server has closed for being idle is lost: it is let go of before a server would,
    // by the clock, however late this process comes to it.
    keep_alive: { enabled: true, idle_socket_ttl: idleMs, eagerly_destroy_stale_sockets: true },
    max_open_connections: maxConnections,
    // Every request has a deadline of its own.
    request_timeout: 2 ** 31 - 1,
    log: { level: ClickHouseLogLevel.OFF },
  })

  async function send({ sql, settings, rows, deadline, signal }: Request): Promise<Answer> {
    if (signal?.aborted) throw new Failure('request.cancelled', 'The caller went away.', { cause: signal.reason })
    const options = Object.entries(settings).reduce((sum, entry) => sum + Buffer.byteLength(entry.join()), 0)
    if (options > maxOptionBytes)
      throw new Failure('request.too_large', `Parameters and row filters are ${options} bytes; ${maxOptionBytes} fit.`)
    const leftMs = deadline - Date.now()
    if (leftMs <= 0) throw new Failure('limit.deadline', 'The deadline passed before the warehouse was asked.')
    const stop = new AbortController()
    let stream: Readable | undefined
    function end(): void {
      release()
      stop.abort()
      stream?.destroy()
    }
    function release(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
    }
    const timer = setTimeout(end, Math.min(leftMs + graceMs, 2 ** 31 - 1))
    signal?.addEventListener('abort', end)
    function explain(thrown: unknown): unknown {
      if (thrown instanceof Failure || thrown instanceof WarehouseError) return thrown
      if (signal?.aborted) return new Failure('request.cancelled', 'The caller went away.', { cause: thrown })
      if (Date.now() >= deadline) return new Failure('limit.deadline', 'The deadline passed.', { cause: thrown })
      return restarted(thrown)
    }
    try {
      const answer = await client.exec({
        query: sql,
        ...(rows === undefined ? {} : { values: Readable.from([Buffer.from(rows)]) }),
        clickhouse_settings: { ...everywhere, max_execution_time: Math.max(0.001, leftMs / 1000), ...settings },
        abort_signal: stop.signal,
        decompress_response_stream: false,
        ignore_error_response: true,
      })
      stream = answer.stream
      // Errors are met by whoever reads it; before that, and after, they are no reason to end the process.
      stream.on('error', () => undefined)
      if (stop.signal.aborted) stream.destroy()
      if (!(stream instanceof IncomingMessage)) throw new TypeError('The client no longer gives its response away.')
      const headers = answer.response_headers ?? {}
      const code = headers['x-clickhouse-exception-code']
      if (answer.http_status_code !== 200 || code !== undefined)
        throw toRefusal(
          answer.http_status_code ?? 500,
          code === undefined ? undefined : String(code),
          await textOf(stream),
        )
      return { stream, headers, release, explain }
    } catch (thrown) {
      release()
      stream?.destroy()
      throw explain(thrown)
    }
  }

  /** Sends, and reads the empty answer to its end. */
  async function perform(request: Request): Promise<void> {
    const answer = await send(request)
    for await (const _ of bodyOf(answer));
  }

  async function stream({ sql, database, params, format = 'JSON', settings, deadline, signal }: WarehouseQuery) {
    const answer = await send({
      sql,
      settings: { ...settings, ...valuesOf(params), database, default_format: format },
      deadline,
      signal,
    })
    return { body: bodyOf(answer), summary: () => summaryOf(answer) }
  }

  return {
    stream,
    async rows<Row>(query: Omit<WarehouseQuery, 'format'>): Promise<Row[]> {
      const result = await stream({
        ...query,
        format: 'JSONEachRow',
        settings: {
          ...query.settings,
          output_format_json_quote_64bit_integers: 1,
          output_format_json_quote_decimals: 1,
        },
      })
      const chunks: Uint8Array[] = []
      let bytes = 0
      for await (const chunk of result.body) {
        bytes += chunk.length
        if (bytes > maxRowsBytes) throw new Failure('query.result_too_large', 'The result is larger than it may be.')
        chunks.push(chunk)
      }
      const lines = Buffer.concat(chunks).toString('utf8').split('\n')
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Row)
    },
    async command(sql, { settings, params, database, deadline = Date.now() + commandTimeoutMs, signal } = {}) {
      const all = { ...settings, ...valuesOf(params), ...(database !== undefined && { database }) }
      await perform({ sql, settings: all, deadline, ...(signal && { signal }) })
    },
    async insert({ database, table, rows, hidden = [], token, settings = {} }: Insert) {
      if (rows === '') return
      const columns = ['*', ...hidden.map(quoteName)].join(', ')
      await perform({
        sql: `INSERT INTO ${quoteName(database)}.${quoteName(table)} (${columns}) FORMAT JSONEachRow`,
        rows,
        settings: { ...insertSettings, ...settings, insert_deduplication_token: token },
        deadline: Date.now() + commandTimeoutMs,
      })
    },
    async ping() {
      const { success } = await client.ping()
      if (!success) log.debug('the warehouse does not answer')
      return success
    },
    close: () => client.close(),
  }
}

async function* bodyOf({ stream, headers, release, explain }: Answer): AsyncGenerator<Uint8Array, void> {
  const tag = headers['x-clickhouse-exception-tag']
  try {
    yield* untilException(stream, typeof tag === 'string' ? tag : undefined)
    if (!stream.complete) throw new Error('The answer ended early.')
  } catch (thrown) {
    throw explain(thrown)
  } finally {
    release()
    // A reader who stops early ends the query; after the end this does nothing.
    stream.destroy()
  }
}

/** Parameters as ClickHouse's HTTP interface takes them: among the settings. */
function valuesOf(params: WarehouseQuery['params'] = {}): Settings {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [`param_${name}`, value ?? '\\N']))
}

/** The trailers' count is of the whole query; ClickHouse itself says only what it knew when it began to answer. */
function summaryOf({ stream, headers }: Answer): Summary {
  const text = stream.trailers['x-clickhouse-summary'] ?? headers['x-clickhouse-summary']
  const counts = (typeof text === 'string' ? JSON.parse(text) : {}) as Record<string, string | undefined>
  return {
    rowsRead: numberOf(counts['read_rows']),
    bytesRead: numberOf(counts['read_bytes']),
    resultRows: Number(counts['result_rows'] ?? 0),
    elapsedUs: Math.round(Number(counts['elapsed_ns'] ?? 0) / 1000),
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = Buffer.alloc(0)
  for await (const chunk of stream) if (text.length < 64 * 1024) text = Buffer.concat([text, chunk])
  return text.toString('utf8')
}
