import type { Row } from './ingest.ts'
import { type Format, type Provenance, provenanceOf, type Result, rowsOf, type StreamFormat } from './result.ts'
import type { Ask, CallOptions, SearchValue, Transport } from './transport.ts'

export type Param = SearchValue
export type Params = Readonly<Record<string, Param>>

interface Presentation extends CallOptions {
  /** For bucketing: `Europe/Berlin`. */
  readonly timezone?: string | undefined
  /** `string` keeps every digit of 64-bit integers, which a JavaScript number does not. */
  readonly int64?: 'number' | 'string' | undefined
}

export interface QueryOptions extends Presentation {
  readonly format?: Format
}

export interface CallQueryOptions extends QueryOptions {
  /** Pins a version of the published query. */
  readonly version?: number | undefined
}

export interface Opened {
  readonly body: ReadableStream<Uint8Array>
  readonly provenance: Provenance
}

/** `json`: the parsed result. `ndjson`: its rows, one by one. Any other: its bytes. */
export interface Query<O> {
  <T = Row>(
    text: string,
    params: Params | undefined,
    options: O & { readonly format: 'ndjson' },
  ): AsyncGenerator<T, void, undefined>
  (
    text: string,
    params: Params | undefined,
    options: O & { readonly format: StreamFormat },
  ): Promise<ReadableStream<Uint8Array>>
  <T = Row>(text: string, params?: Params, options?: O & { readonly format?: 'json' }): Promise<Result<T>>
  /** The bytes of any format as the gateway sent them: nothing is parsed, so no digit is lost. */
  open(text: string, params?: Params, options?: O): Promise<Opened>
}

/** Statements that do something each time they are sent. */
const changes = /^\s*(?:create|retrain|drop|set|cancel|pause|resume|abort)\b/i

export function queryWith(transport: Transport): Query<QueryOptions> {
  return answering(transport, (sql, params, { format = 'json', timezone, int64, signal, timeoutMs }: QueryOptions) => ({
    method: 'POST',
    path: '/v1/sql',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: sql,
      params: params ?? {},
      format,
      ...(timezone !== undefined && { timezone }),
      ...(int64 !== undefined && { int64 }),
      ...(timeoutMs !== undefined && { timeout_ms: timeoutMs }),
    }),
    repeatable: !changes.test(sql),
    signal,
    timeoutMs,
  }))
}

/** Longer than this, parameters travel in the body: proxies cut URLs. */
const maxSearchCharacters = 4_000

export function callWith(transport: Transport): Query<CallQueryOptions> {
  return answering(transport, (name, params, options: CallQueryOptions) => {
    const { format = 'json', version, timezone, int64, signal, timeoutMs } = options
    const ask = { path: `/v1/endpoints/${encodeURIComponent(name)}.${format}`, signal, timeoutMs }
    const presentation = { version, timezone, int64 }
    const text = JSON.stringify(params ?? {})
    if (text.length <= maxSearchCharacters) return { ...ask, method: 'GET', search: { ...params, ...presentation } }
    const headers = { 'content-type': 'application/json' }
    return { ...ask, method: 'POST', search: presentation, headers, body: text, repeatable: true }
  })
}

function answering<O extends QueryOptions>(
  transport: Transport,
  asking: (text: string, params: Params | undefined, options: O) => Ask,
) {
  const open = async (text: string, params?: Params, options = {} as O): Promise<Opened> => {
    const response = await transport.open(asking(text, params, options))
    const body = response.body ?? new ReadableStream<Uint8Array>({ start: (stream) => stream.close() })
    return { body, provenance: provenanceOf(response) }
  }
  const query = (text: string, params?: Params, options = {} as O) => {
    const ask = asking(text, params, options)
    const { format = 'json' } = options
    if (format === 'ndjson') return rowsOf(() => transport.open(ask))
    if (format === 'json') {
      return transport
        .json<Omit<Result, 'provenance'>>(ask)
        .then(({ value, response }) => ({ ...value, provenance: provenanceOf(response) }))
    }
    return open(text, params, options).then(({ body }) => body)
  }
  // One function with three kinds of answer, by its `format`: the type says which, the compiler cannot see it.
  return Object.assign(query, { open }) as unknown as Query<O>
}
