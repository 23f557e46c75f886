import { type DescMessage, type DescMethod, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { Failure, toFailure } from '../errors.ts'
import { policyOf } from '../policy.ts'
import type { Call, Interceptor } from './call.ts'

/** A call at the moment it arrives, before the interceptors have filled it in. */
export interface OpenCall {
  readonly call: Call
  /** To be called by the transport when the caller goes away. */
  cancel(reason: Failure): void
}

/** `deadline` is what the caller asked for, in milliseconds since 1970. */
export function openCall(method: DescMethod, metadata: ReadonlyMap<string, string>, deadline = Infinity): OpenCall {
  const caller = new AbortController()
  return {
    call: {
      method,
      metadata,
      requestId: '',
      traceparent: '',
      deadline,
      signal: caller.signal,
      actor: undefined,
      trailers: new Map(),
    },
    cancel: (reason) => caller.abort(reason),
  }
}

interface Run<H, T> {
  readonly open: OpenCall
  readonly interceptors: readonly Interceptor[]
  readonly handler: H
  /** Asked for once the caller is known, so that a stranger's body need not be read. */
  readonly request: () => Message | Promise<Message>
  /** Makes of an answer what the transport sends. Its failures are the call's. */
  readonly answer: (message: Message) => T
}

/** Runs a unary handler inside the interceptors. Rejects with nothing but a Failure. */
export async function runUnary<T>(run: Run<(request: Message, call: Call) => Promise<Message>, T>): Promise<T> {
  const { call } = run.open
  let answer: T
  try {
    await begin(run.interceptors, call)
    const request = run.request()
    const message = request instanceof Promise ? await unlessAborted(call.signal, request) : request
    answer = run.answer(await unlessAborted(call.signal, run.handler(message, call)))
  } catch (thrown) {
    throw end(run.interceptors, call, failureOf(thrown, call))
  }
  end(run.interceptors, call, undefined)
  return answer
}

/**
 * Runs a streaming handler inside the interceptors. Throws nothing but a Failure. When the consumer stops early or the
 * call is aborted, the handler's signal aborts and its generator is returned, whatever it is doing.
 */
export async function* runStream<T>(
  run: Run<(request: Message, call: Call) => AsyncIterable<Message>, T>,
): AsyncGenerator<T, void, undefined> {
  const { call } = run.open
  let source: AsyncIterator<Message> | undefined
  let ended = false
  try {
    await begin(run.interceptors, call)
    const request = run.request()
    const message = request instanceof Promise ? await unlessAborted(call.signal, request) : request
    source = run.handler(message, call)[Symbol.asyncIterator]()
    for (;;) {
      const next = await unlessAborted(call.signal, source.next())
      if (next.done === true) break
      yield run.answer(next.value)
    }
    ended = true
    end(run.interceptors, call, undefined)
  } catch (thrown) {
    ended = true
    stop(source)
    throw end(run.interceptors, call, failureOf(thrown, call))
  } finally {
    if (!ended) {
      const left = new Failure('request.cancelled', 'The caller stopped reading.')
      run.open.cancel(left)
      stop(source)
      end(run.interceptors, call, left)
    }
  }
}

/** The request of a method, from the bytes that a wire transport received. */
export function decodeRequest(method: DescMethod, bytes: Uint8Array): Message {
  const { maxRequestBytes } = policyOf(method)
  if (bytes.byteLength > maxRequestBytes) throw requestTooLarge(method)
  try {
    return fromBinary(method.input, bytes)
  } catch (cause) {
    throw new Failure('request.invalid', `The request is not a serialized ${method.input.typeName}.`, { cause })
  }
}

/** The bytes of an answer. */
export function encodeAnswer(method: DescMethod, message: Message): Uint8Array {
  const bytes = toBinary<DescMessage>(method.output, message)
  const { maxResponseBytes } = policyOf(method)
  if (bytes.byteLength > maxResponseBytes) {
    throw new Failure('limit.response', `A message of the answer has ${bytes.byteLength} bytes; ${maxResponseBytes} fit.`)
  }
  return bytes
}

export function requestTooLarge(method: DescMethod): Failure {
  return new Failure('request.too_large', `A request to ${method.name} may have ${policyOf(method).maxRequestBytes} bytes.`)
}

async function begin(interceptors: readonly Interceptor[], call: Call): Promise<void> {
  for (const interceptor of interceptors) {
    const pending = interceptor.begin?.(call)
    if (pending !== undefined) await unlessAborted(call.signal, pending)
  }
}

/** Every end runs, also of those whose begin was not reached: a refused call is counted and logged like any other. */
function end(interceptors: readonly Interceptor[], call: Call, failure: Failure): Failure
function end(interceptors: readonly Interceptor[], call: Call, failure: undefined): undefined
function end(interceptors: readonly Interceptor[], call: Call, failure: Failure | undefined): Failure | undefined {
  for (let i = interceptors.length - 1; i >= 0; i--) failure = interceptors[i]?.end?.(call, failure) ?? failure
  return failure
}

/** A handler that dies of the abort (AbortError and its kin) fails for the abort's reason. */
function failureOf(thrown: unknown, call: Call): Failure {
  if (!(thrown instanceof Failure) && call.signal.aborted) return abortReason(call.signal)
  return toFailure(thrown)
}

export function abortReason(signal: AbortSignal): Failure {
  const reason: unknown = signal.reason
  return reason instanceof Failure
    ? reason
    : new Failure('request.cancelled', 'The caller went away.', { cause: reason })
}

/** Settles with the work or with the abort, whichever is first: no handler can outlive its caller's patience. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortReason(signal))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    work.then(
      (value) => {
        signal.removeEventListener('abort', abort)
        resolve(value)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort)
        reject(error instanceof Error ? error : new Error('Something other than an Error was thrown.', { cause: error }))
      },
    )
  })
}

/** Not awaited: a generator that is busy returns only when it next yields. */
function stop(source: AsyncIterator<Message> | undefined): void {
  source?.return?.().catch(() => undefined)
}
