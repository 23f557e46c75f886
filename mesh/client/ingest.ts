import type { CallOptions, Transport } from './transport.ts'

export type Row = Readonly<Record<string, unknown>>

export interface IngestOptions extends CallOptions {
  /** Makes the call repeatable by whoever makes it; one is made where none is given. With several batches, `-0`, `-1`, … are added. */
  readonly idempotencyKey?: string
  /** Answer only when the rows can be queried. */
  readonly wait?: boolean
  /** Refuse a batch as a whole if one row is bad. */
  readonly strict?: boolean
  readonly dryRun?: boolean
  /** Of a text or bytes; rows are sent as NDJSON. */
  readonly format?: 'ndjson' | 'json' | 'csv'
  /** The bytes are gzip. */
  readonly gzip?: boolean
  /** Rows of one request. */
  readonly batchRows?: number
}

export interface Ingested {
  readonly accepted: number
  readonly quarantined: number
  /** The first ten reasons; `row` counts from the first row of the call. */
  readonly errors: readonly { readonly row: number; readonly column?: string; readonly reason: string }[]
  readonly offsets: readonly { readonly partition: number; readonly offset: number }[]
  /** Some of it was the stored answer to an earlier request with the same key. */
  readonly replayed?: boolean
  /** The stream was created, or got columns. */
  readonly schema?: unknown
}

const mediaTypes = { ndjson: 'application/x-ndjson', json: 'application/json', csv: 'text/csv' } as const
const maxBatchCharacters = 8 << 20
const maxErrors = 10
/** Within the time limit of one batch: a core or a gateway that is started again is waited for. */
const retries = Infinity

export type Rows = Iterable<object> | AsyncIterable<object>

export function ingestWith(transport: Transport) {
  async function send(
    stream: string,
    body: string | Uint8Array,
    key: string,
    options: IngestOptions,
  ): Promise<Ingested> {
    const { wait, strict, dryRun, format = 'ndjson', gzip = false, signal, timeoutMs } = options
    const { value } = await transport.json<Ingested>({
      method: 'POST',
      path: `/v1/events/${encodeURIComponent(stream)}`,
      search: { wait: wait || undefined, strict: strict || undefined, dry_run: dryRun || undefined },
      headers: {
        'content-type': mediaTypes[format],
        'idempotency-key': key,
        ...(gzip && { 'content-encoding': 'gzip' }),
      },
      body: typeof body === 'string' ? body : (body as Uint8Array<ArrayBuffer>),
      repeatable: true,
      retries,
      signal,
      timeoutMs,
    })
    return value
  }

  /**
   * Sends events; resolves when they are durable (or, with `wait`, queryable). A text or bytes are one request; rows are
   * sent in batches, one after the other, and what was sent before a failure stays.
   */
  return async function ingest(
    stream: string,
    rows: Rows | string | Uint8Array,
    options: IngestOptions = {},
  ): Promise<Ingested> {
    const key = options.idempotencyKey ?? crypto.randomUUID()
    if (typeof rows === 'string' || rows instanceof Uint8Array) return send(stream, rows, key, options)
    const parts: { readonly from: number; readonly answer: Ingested }[] = []
    let from = 0
    for await (const batch of batches(rows, options.batchRows ?? 1_000)) {
      // The first one keeps the key as it is, so that a single batch is one request under that very key.
      const own = parts.length === 0 ? key : `${key}-${parts.length}`
      parts.push({ from, answer: await send(stream, batch.text, own, { ...options, format: 'ndjson', gzip: false }) })
      from += batch.rows
    }
    return sum(parts)
  }
}

function sum(parts: readonly { readonly from: number; readonly answer: Ingested }[]): Ingested {
  const offsets = new Map<number, number>()
  for (const { answer } of parts) for (const { partition, offset } of answer.offsets) offsets.set(partition, offset)
  const schema = parts.findLast(({ answer }) => answer.schema !== undefined)?.answer.schema
  return {
    accepted: parts.reduce((total, { answer }) => total + answer.accepted, 0),
    quarantined: parts.reduce((total, { answer }) => total + answer.quarantined, 0),
    errors: parts
      .flatMap(({ from, answer }) => answer.errors.map((error) => ({ ...error, row: error.row + from })))
      .slice(0, maxErrors),
    offsets: [...offsets].map(([partition, offset]) => ({ partition, offset })),
    ...(parts.some(({ answer }) => answer.replayed) && { replayed: true }),
    ...(schema !== undefined && { schema }),
  }
}

/** Lines of JSON, in batches bounded by rows and by size. */
async function* batches(rows: Rows, maxRows: number): AsyncGenerator<{ text: string; rows: number }> {
  let text = ''
  let count = 0
  for await (const row of rows) {
    const line = JSON.stringify(row, exact)
    if (count > 0 && (count >= maxRows || text.length + line.length >= maxBatchCharacters)) {
      yield { text, rows: count }
      text = ''
      count = 0
    }
    text += `${line}\n`
    count++
  }
  if (count > 0) yield { text, rows: count }
}

/** A bigint is a JSON number with all its digits (https://tc39.es/proposal-json-parse-with-source/). */
function exact(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown }
  return rawJSON === undefined ? String(value) : rawJSON(String(value))
}
