import { type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { base64Decode } from '@bufbuild/protobuf/wire'
import { codes, Failure } from '../errors.ts'
import { policyOf, retries, timeoutOf } from '../policy.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import type { CallOptions, Client } from './call.ts'
import { answerUnreadable, checkRequestSize, makeClient, type Metadata, metadataOf } from './client.ts'
import { decodeTrailers, encodeFrame, frameParser, trailersFlag } from './frames.ts'
import { type Guard, unavailable, watch } from './guard.ts'
import { pathOf } from './mount.ts'
import { detailsKey, fromStatus } from './problem.ts'
import { backoffMs, createRetryBudget } from './retry.ts'
import { abortReason } from './run.ts'

export interface WebClientOptions {
  /** Where the services are: `http://127.0.0.1:8788`. */
  readonly url: string
  /** Bound to nothing when called; a Worker's service binding is passed as `(url, init) => env.CORE.fetch(url, init)`. */
  readonly fetch?: (url: string, init: WebRequest) => Promise<Response>
  /** Sent with every call; a call's own metadata wins. */
  readonly headers?: Metadata
  /** One of its own, where nobody else looks at it. */
  readonly breaker?: Breaker
}

/** What is asked of `fetch`: nothing that workerd refuses. */
export interface WebRequest {
  readonly method: 'POST'
  readonly headers: Record<string, string>
  readonly body: Uint8Array<ArrayBuffer>
  readonly signal: AbortSignal
}

/** Trailers are some header lines and a bounded problem; more than this is no peer of ours. */
const maxTrailerBytes = 64 << 10

/** A client over gRPC-Web and `fetch`: Web APIs only, so it runs in a Worker, in a browser and in Node. */
export function connectWeb<S extends DescService>(
  desc: S,
  { url, fetch = (to, init) => globalThis.fetch(to, init), headers, breaker = createBreaker() }: WebClientOptions,
): Client<S> {
  const base = url.replace(/\/+$/, '')
  const budget = createRetryBudget()

  /** One attempt: resolves with the response once its headers are here. */
  async function send(method: DescMethod, body: Uint8Array<ArrayBuffer>, options: CallOptions, guard: Guard) {
    const response = await guard.during(
      fetch(base + pathOf(method), {
        method: 'POST',
        headers: {
          'content-type': 'application/grpc-web+proto',
          'x-grpc-web': '1',
          'grpc-timeout': `${guard.leftMs()}m`,
          ...metadataOf(headers, options),
        },
        body,
        signal: guard.signal,
      }),
    )
    if (response.status !== 200) {
      const failure = fromHttpStatus(response.status)
      if (failure.problem !== 'core.unavailable') guard.heard()
      await response.body?.cancel()
      throw failure
    }
    return response
  }

  /** Sends again only what may be sent twice, nothing was received of, and the budget allows. */
  async function withRetries<T>(
    method: DescMethod,
    requestBytes: number,
    options: CallOptions,
    attempt: (guard: Guard) => Promise<T>,
  ): Promise<T> {
    const deadline = Date.now() + timeoutOf(method, options.timeoutMs)
    for (let count = 1; ; count++) {
      const { share } = options
      const entry = share === undefined ? undefined : { share, priority: policyOf(method).priority }
      const guard = watch(deadline, options.signal, breaker.enter(requestBytes, deadline, entry))
      try {
        const result = await attempt(guard)
        budget.succeeded()
        return result
      } catch (thrown) {
        const failure = thrown instanceof Failure ? thrown : answerUnreadable(method, thrown)
        guard.release(failure)
        const again = failure.code === 'unavailable' && budget.failed() && policyOf(method).idempotent
        if (!again || failure.retryAfterMs !== undefined || count === retries.maxAttempts) throw failure
        await pause(deadline, count, options.signal)
      }
    }
  }

  return makeClient(desc, {
    async unary(method, request, options) {
      const body = frameOf(method, request)
      return withRetries(method, body.byteLength, options, async (guard) => {
        const response = await send(method, body, options, guard)
        let answer: Uint8Array<ArrayBuffer> | undefined
        for await (const frame of framesOf(method, response, guard)) {
          if (frame.trailers !== undefined) checkStatus(frame.trailers)
          else if (answer === undefined) answer = frame.message
          else throw answerUnreadable(method)
        }
        guard.release()
        if (answer === undefined) throw answerUnreadable(method)
        return decode(method, answer)
      })
    },

    async *stream(method, request, options): AsyncGenerator<Message, void, undefined> {
      const body = frameOf(method, request)
      const { guard, frames, first } = await withRetries(method, body.byteLength, options, async (attempt) => {
        const iterator = framesOf(method, await send(method, body, options, attempt), attempt)
        const next = await iterator.next()
        if (next.done !== true && next.value.trailers !== undefined) checkStatus(next.value.trailers)
        return { guard: attempt, frames: iterator, first: next }
      })
      try {
        for (let next = first; next.done !== true; next = await frames.next()) {
          if (next.value.trailers !== undefined) checkStatus(next.value.trailers)
          else yield decode(method, next.value.message)
        }
      } finally {
        guard.release()
        await frames.return()
      }
    },
  })
}

type Received =
  | { readonly message: Uint8Array<ArrayBuffer>; readonly trailers?: undefined }
  | { readonly trailers: ReadonlyMap<string, string> }

/** The frames of an answer as they arrive. Without trailers it is not whole, whatever the connection says. */
async function* framesOf(
  method: DescMethod,
  response: Response,
  guard: Guard,
): AsyncGenerator<Received, void, undefined> {
  // An answer that failed before its first byte may have the status in its headers.
  if (response.headers.has('grpc-status')) {
    guard.heard()
    await response.body?.cancel()
    yield { trailers: new Map(response.headers) }
    return
  }
  const { maxResponseBytes } = policyOf(method)
  const parser = frameParser(Math.max(maxResponseBytes, maxTrailerBytes))
  const reader = response.body?.getReader()
  let trailers: ReadonlyMap<string, string> | undefined
  try {
    for (;;) {
      const next = reader === undefined ? undefined : await guard.during(reader.read())
      if (next === undefined || next.done) break
      let frames
      try {
        frames = parser.push(next.value)
      } catch (cause) {
        throw new Failure('limit.response', `A message of the answer is larger than ${maxResponseBytes} bytes.`, {
          cause,
        })
      }
      if (frames.length > 0) guard.heard()
      for (const { flags, bytes } of frames) {
        if (trailers !== undefined || (flags !== 0 && flags !== trailersFlag)) throw answerUnreadable(method)
        if (flags === trailersFlag) trailers = decodeTrailers(bytes)
        else yield { message: bytes }
      }
    }
    // Not before the end of the body: a connection whose answer was not read to its end is closed.
    if (trailers !== undefined) yield { trailers }
    else throw new Failure('core.unavailable', 'The answer broke off before it was whole.')
  } finally {
    // Tells the server to stop, where it has not ended by itself; a broken connection cannot be told.
    await reader?.cancel().catch(() => undefined)
  }
}

function checkStatus(trailers: ReadonlyMap<string, string>): void {
  const status = Number(trailers.get('grpc-status') ?? codes.unknown.grpc)
  if (status === 0) return
  const details = trailers.get(detailsKey)
  const message = trailers.get('grpc-message') ?? ''
  throw fromStatus(status, percentDecode(message), details === undefined ? undefined : decodeBase64(details))
}

/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md, for what stands between the two. */
function fromHttpStatus(status: number): Failure {
  const cause = new Error(`HTTP ${status}`)
  if (status === 401) return new Failure('auth.invalid', 'The core did not accept the credential.', { cause })
  if (status === 403) return new Failure('auth.scope', 'The core refused the call.', { cause })
  if (status === 404 || status === 405 || status === 415) {
    return new Failure('internal.unimplemented', 'The core does not offer this call.', { cause })
  }
  if (status === 413) return new Failure('request.too_large', 'The request is too large.', { cause })
  if (status === 429 || (status >= 502 && status <= 504)) return unavailable(cause)
  return new Failure('internal.error', 'An unexpected error occurred.', { cause })
}

async function pause(deadline: number, count: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.min(backoffMs(count), Math.max(0, deadline - Date.now()))))
  if (signal?.aborted === true) throw abortReason(signal)
}

function frameOf(method: DescMethod, request: Message): Uint8Array<ArrayBuffer> {
  const bytes = toBinary(method.input, request)
  checkRequestSize(method, bytes.byteLength)
  return encodeFrame(0, bytes)
}

function decode(method: DescMethod, bytes: Uint8Array): Message {
  try {
    return fromBinary(method.output, bytes)
  } catch (cause) {
    throw answerUnreadable(method, cause)
  }
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return base64Decode(text)
  } catch {
    return undefined
  }
}
