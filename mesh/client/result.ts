import { EdgewiseError } from './error.ts'
import type { Row } from './ingest.ts'
import { brokenAnswer } from './transport.ts'

export type StreamFormat = 'csv' | 'parquet' | 'arrow'
export type Format = 'json' | 'ndjson' | StreamFormat

export interface Result<T = Row> {
  readonly meta: readonly { readonly name: string; readonly type: string }[]
  readonly data: readonly T[]
  readonly rows: number
  readonly rows_before_limit_at_least?: number
  readonly statistics?: { readonly elapsed: number; readonly rows_read: number; readonly bytes_read: number }
  /** Where the answer comes from. */
  readonly provenance: Provenance
}

export interface Provenance {
  readonly requestId: string | null
  readonly queryVersion: number | null
  /** RFC 9211; null where nothing is cached. */
  readonly cacheStatus: string | null
  /** Why an answer past its time was given: `core-unreachable`, `core-slow`, `stale-if-error`. */
  readonly fallback: string | null
  readonly etag: string | null
  readonly cost: number | null
}

export function provenanceOf({ headers }: Response): Provenance {
  const number = (name: string): number | null => (headers.has(name) ? Number(headers.get(name)) : null)
  return {
    requestId: headers.get('x-request-id'),
    queryVersion: number('edgewise-query-version'),
    cacheStatus: headers.get('cache-status'),
    fallback: headers.get('edgewise-fallback'),
    etag: headers.get('etag'),
    cost: number('edgewise-cost'),
  }
}

/** The rows of an NDJSON answer as they arrive. An answer that breaks off is an error, never a short result. */
export async function* rowsOf<T>(opening: () => Promise<Response>): AsyncGenerator<T, void, undefined> {
  const response = await opening()
  if (response.body === null) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') yield JSON.parse(line) as T
    }
    if (rest !== '') yield JSON.parse(rest) as T
  } catch (thrown) {
    if (thrown instanceof EdgewiseError || (thrown instanceof Error && thrown.name === 'AbortError')) throw thrown
    throw brokenAnswer(thrown)
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
