import { toFailure } from '#mesh/errors.ts'
import type { ResultHead, ResultTail } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Collected } from '../../cache/collect.ts'
import type { Asked } from './asked.ts'
import { blocks } from './blocks.ts'
import { exceptionText } from './exceptions.ts'

export interface RespondDeps {
  /** What no data can guess. */
  readonly random: () => string
  readonly sleep: (ms: number) => Promise<void>
}

/** What was written must be on its way before the connection breaks, which would take it along. */
const lingerMs = 100

/** A result as ClickHouse answers one. */
export function respond(
  { random, sleep }: RespondDeps,
  collected: Collected,
  asked: Asked,
  requestId: string,
): Response {
  const headers = headersOf(collected.head, asked, requestId)
  const { packed } = asked
  if (collected.whole) {
    const summary = summaryOf(collected.tail, collected.body.byteLength)
    headers.set('x-clickhouse-summary', summary)
    if (asked.wantsProgress) headers.set('x-clickhouse-progress', summary)
    if (packed === undefined) return new Response(collected.body, { headers })
    return answer(new Blob([collected.body]).stream().pipeThrough(packing(packed)), headers, packed)
  }
  // What is read is known at the end only, when the headers are gone.
  headers.set('x-clickhouse-summary', summaryOf(undefined, 0))
  const tag = random()
  headers.set('x-clickhouse-exception-tag', tag)
  const failing = untilFailure(collected.body, tag)
  const body = packed === undefined ? failing.body : failing.body.pipeThrough(packing(packed))
  const hasFailed = async (): Promise<boolean> => {
    if (failing.hasFailed()) await sleep(lingerMs)
    return failing.hasFailed()
  }
  return answer(brokenAtEnd(body, hasFailed), headers, packed)
}

type Packed = NonNullable<Asked['packed']>

function packing(packed: Packed): ReadableWritablePair<Uint8Array, Uint8Array> {
  return packed === 'gzip' ? new CompressionStream('gzip') : blocks()
}

function answer(body: ReadableStream<Uint8Array>, headers: Headers, packed: Packed | undefined): Response {
  if (packed !== 'gzip') return new Response(body, { headers })
  headers.set('content-encoding', 'gzip')
  // The runtime would compress once more what says that it is.
  return new Response(body, { headers, encodeBody: 'manual' })
}

function headersOf({ contentType, format }: ResultHead, asked: Asked, requestId: string): Headers {
  return new Headers({
    'content-type': contentType,
    'cache-control': 'private, no-store',
    vary: 'Accept-Encoding, Authorization, X-ClickHouse-Key, X-API-Key, Origin',
    'x-clickhouse-query-id': asked.queryId ?? requestId,
    'x-clickhouse-format': format,
    'x-clickhouse-timezone': asked.settings['session_timezone'] || 'UTC',
    'x-clickhouse-server-display-name': 'edgewise',
  })
}

function summaryOf(tail: ResultTail | undefined, resultBytes: number): string {
  return JSON.stringify({
    read_rows: String(tail?.rowsRead ?? 0n),
    read_bytes: String(tail?.bytesRead ?? 0n),
    written_rows: '0',
    written_bytes: '0',
    total_rows_to_read: '0',
    result_rows: String(tail?.rows ?? 0n),
    result_bytes: String(resultBytes),
    elapsed_ns: String((tail?.elapsedUs ?? 0n) * 1000n),
  })
}

/**
 * Passes a body on; a failure in the middle of it becomes the block by which ClickHouse tells of one, after which nothing
 * comes. https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats
 */
function untilFailure(body: ReadableStream<Uint8Array>, tag: string) {
  const reader = body.getReader()
  let failed = false
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (failed) return controller.close()
        try {
          const next = await reader.read()
          if (next.done) controller.close()
          else controller.enqueue(next.value)
        } catch (thrown) {
          failed = true
          const text = exceptionText(toFailure(thrown))
          const bytes = new TextEncoder().encode(text).byteLength
          const block = `\r\n__exception__\r\n${tag}\r\n${text}${bytes} ${tag}\r\n__exception__\r\n`
          controller.enqueue(new TextEncoder().encode(block))
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return { body: stream, hasFailed: () => failed }
}

/** An answer that failed has no clean end, whoever reads it. */
function brokenAtEnd(body: ReadableStream<Uint8Array>, hasFailed: () => Promise<boolean>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await reader.read()
        if (!next.done) return controller.enqueue(next.value)
        if (await hasFailed()) throw new Error('the answer broke off before it was whole')
        controller.close()
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
