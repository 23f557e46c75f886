import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'
import type { Answer } from '../cache/answers.ts'
import { heldBytes } from '../cache/collect.ts'
import { etagOf, matches } from '../cache/etag.ts'
import { cacheStatus } from '../cache/headers.ts'
import type { Answered, Fetched } from '../cache/through.ts'
import { callerHeaders } from './headers.ts'
import { keepingOf } from './keep.ts'

export interface Streamed {
  readonly response: Response
}

/** It is not the core that is slow. */
const ofUpstreams = {
  'core-unreachable': 'core-unreachable',
  'stale-if-error': 'stale-if-error',
  'core-slow': 'upstream-slow',
} as const

interface Place {
  readonly workspace: string
  /** For all who may call the route, and for this caller. */
  readonly keys: { readonly toAll: string; readonly own: string }
  readonly now: () => number
}

/** An upstream's answer to keep, or as a stream where it may not be kept or is too large. */
export async function keptOrStream(response: Response, route: Route, place: Place): Promise<Fetched<Streamed>> {
  const keeping = keepingOf(route, response.status, response.headers)
  const length = Number(response.headers.get('content-length') ?? 0)
  if (keeping === undefined || length > heldBytes) return { whole: false, response }
  const { body, rest } = await hold(response.body)
  if (rest !== undefined) return { whole: false, response: new Response(rest, response) }
  const headers = callerHeaders(response.headers)
  const contentType = headers['content-type'] ?? ''
  const answer: Answer = {
    key: keeping.shared ? place.keys.toAll : place.keys.own,
    workspace: place.workspace,
    body,
    contentType,
    version: route.version,
    read: undefined,
    etag: tagOf(headers) ?? (await etagOf(body, contentType)),
    storedAt: place.now(),
    freshMs: keeping.freshMs,
    revalidateMs: keeping.revalidateMs,
    errorMs: keeping.errorMs,
    // What is kept is not encoded any more.
    headers: Object.entries(headers).filter(([name]) => !notKept.has(name)),
  }
  return { whole: true, answer }
}

const notKept = new Set(['content-encoding', 'content-length', 'age', 'etag'])

/** A strong tag is of the bytes as they were encoded, which these are not any more. */
function tagOf({ etag, 'content-encoding': encoding }: Record<string, string>): string | undefined {
  return etag === undefined || encoding === undefined || etag.startsWith('W/') ? etag : `W/${etag}`
}

/** An answer that is kept, as HTTP. */
export function given(
  { answer, outcome, fallback }: Answered<Streamed> & { readonly whole: true },
  ifNoneMatch: string | null,
  at: number,
): Response {
  const headers = new Headers(answer.headers?.map(([name, value]): [string, string] => [name, value]))
  headers.set('etag', answer.etag)
  headers.set('age', String(Math.max(0, Math.floor((at - answer.storedAt) / 1000))))
  headers.set('cache-status', cacheStatus(outcome, answer, at, fallback && ofUpstreams[fallback]))
  if (fallback !== undefined) headers.set('edgewise-fallback', ofUpstreams[fallback])
  if (matches(ifNoneMatch, answer.etag)) return new Response(null, { status: 304, headers })
  headers.set('content-length', String(answer.body.byteLength))
  return new Response(answer.body, { headers })
}

/** Reads to the end, or to where holding it would be too much: then what was read comes before the rest. */
async function hold(
  stream: ReadableStream<Uint8Array> | null,
): Promise<{ readonly body: Uint8Array<ArrayBuffer>; readonly rest?: ReadableStream<Uint8Array> }> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  const reader = stream?.getReader()
  for (;;) {
    const next = await reader?.read()
    if (next?.value === undefined) break
    parts.push(next.value as Uint8Array<ArrayBuffer>)
    bytes += next.value.byteLength
    if (bytes > heldBytes) return { body: new Uint8Array(), rest: after(parts, reader!) }
  }
  return { body: new Uint8Array(await new Blob(parts).arrayBuffer()) }
}

function after(
  parts: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const waiting = parts[sent]
        if (waiting !== undefined) {
          sent++
          return controller.enqueue(waiting)
        }
        const next = await reader.read()
        if (next.done) controller.close()
        else controller.enqueue(next.value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
