import { type DescMessage, type DescMethod, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { Failure, toFailure } from '../errors.ts'
import { policyOf } from '../policy.ts'
import type { Call, Interceptor } from './call.ts'

/**
 * A call on its way, as transports and the runners below hold it. There is one of these a call, at thousands of calls a
 * second: so the signal is made when it is first looked at, and nothing here listens to it.
 */
export class OpenCall implements Call {
  readonly method: DescMethod
  readonly metadata: ReadonlyMap<string, string>
  readonly peer: Call['peer']
  readonly startedAt = performance.now()
  requestId = ''
  traceparent = ''
  actor: Call['actor'] = undefined
  readonly trailers = new Map<string, string>()
  /** Why the call was ended, if it was. */
  reason: Failure | undefined = undefined
  #deadline: number
  #timer: ReturnType<typeof setTimeout> | undefined = undefined
  #controller: AbortController | undefined = undefined
  #interrupt: ((reason: Failure) => void) | undefined = undefined

  /** `asked` is the caller's deadline in milliseconds since 1970. */
  constructor(method: DescMethod, metadata: ReadonlyMap<string, string>, asked = Infinity, peer?: Call['peer']) {
    this.method = method
    this.metadata = metadata
    this.peer = peer
    this.#deadline = asked
  }

  get deadline(): number {
    return this.#deadline
  }

  set deadline(at: number) {
    this.#deadline = at
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = setTimeout(expire, at - Date.now(), this)
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.reason !== undefined) this.#controller.abort(this.reason)
    }
    return this.#controller.signal
  }

  /** Ends the call: to be called by the transport when the caller goes away. The first reason stays. */
  cancel(reason: Failure): void {
    if (this.reason !== undefined) return
    this.reason = reason
    this.#controller?.abort(reason)
    this.#interrupt?.(reason)
  }

  /** Settles with the work or with the end of the call, whichever is first: no handler outlives its caller's patience. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.reason !== undefined) reject(this.reason)
      this.#interrupt = reject
      work.then(resolve, reject)
    })
  }

  /** Before work begins: on a busy thread the clock may not have rung yet, although the deadline has passed. */
  throwIfOver(): void {
    if (this.reason === undefined && Date.now() >= this.#deadline) this.cancel(deadlinePassed())
    if (this.reason !== undefined) throw this.reason
  }

  /** Stops the clock. */
  close(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
  }
}

function expire(call: OpenCall): void {
  call.cancel(deadlinePassed())
}

export function deadlinePassed(): Failure {
  return new Failure('limit.deadline', 'The deadline passed before the work was done.')
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
  let answer: T
  try {
    await begin(run.interceptors, run.open)
    const request = run.request()
    const message = request instanceof Promise ? await run.open.race(request) : request
    run.open.throwIfOver()
    answer = run.answer(await run.open.race(run.handler(message, run.open)))
  } catch (thrown) {
    throw end(run.interceptors, run.open, failureOf(thrown, run.open))
  }
  end(run.interceptors, run.open, undefined)
  return answer
}

/**
 * Runs a streaming handler inside the interceptors. Throws nothing but a Failure. When the consumer stops early or the
 * call is aborted, the handler's signal aborts and its generator is returned, whatever it is doing.
 */
export async function* runStream<T>(
  run: Run<(request: Message, call: Call) => AsyncIterable<Message>, T>,
): AsyncGenerator<T, void, undefined> {
  let source: AsyncIterator<Message> | undefined
  let ended = false
  try {
    await begin(run.interceptors, run.open)
    const request = run.request()
    const message = request instanceof Promise ? await run.open.race(request) : request
    run.open.throwIfOver()
    source = run.handler(message, run.open)[Symbol.asyncIterator]()
    for (;;) {
      const next = await run.open.race(source.next())
      if (next.done === true) break
      yield run.answer(next.value)
    }
    ended = true
    end(run.interceptors, run.open, undefined)
  } catch (thrown) {
    ended = true
    stop(source)
    throw end(run.interceptors, run.open, failureOf(thrown, run.open))
  } finally {
    if (!ended) {
      const left = new Failure('request.cancelled', 'The caller stopped reading.')
      run.open.cancel(left)
      stop(source)
      end(run.interceptors, run.open, left)
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
    throw new Failure(
      'limit.response',
      `A message of the answer has ${bytes.byteLength} bytes; ${maxResponseBytes} fit.`,
    )
  }
  return bytes
}

export function requestTooLarge(method: DescMethod): Failure {
  return new Failure(
    'request.too_large',
    `A request to ${method.name} may have ${policyOf(method).maxRequestBytes} bytes.`,
  )
}

async function begin(interceptors: readonly Interceptor[], open: OpenCall): Promise<void> {
  for (const interceptor of interceptors) {
    const pending = interceptor.begin?.(open)
    if (pending !== undefined) await open.race(pending)
  }
}

/** Every end runs, also of those whose begin was not reached: a refused call is counted and logged like any other. */
function end(interceptors: readonly Interceptor[], open: OpenCall, failure: Failure): Failure
function end(interceptors: readonly Interceptor[], open: OpenCall, failure: undefined): undefined
function end(interceptors: readonly Interceptor[], open: OpenCall, failure: Failure | undefined): Failure | undefined {
  open.close()
  for (let i = interceptors.length - 1; i >= 0; i--) failure = interceptors[i]?.end?.(open, failure) ?? failure
  return failure
}

/** A handler that dies of the abort (AbortError and its kin) fails for the abort's reason. */
function failureOf(thrown: unknown, open: OpenCall): Failure {
  if (!(thrown instanceof Failure) && open.reason !== undefined) return open.reason
  return toFailure(thrown)
}

/** Why a client's caller aborted, as a failure. */
export function abortReason(signal: AbortSignal): Failure {
  const reason: unknown = signal.reason
  return reason instanceof Failure
    ? reason
    : new Failure('request.cancelled', 'The caller went away.', { cause: reason })
}

/** Not awaited: a generator that is busy returns only when it next yields. */
function stop(source: AsyncIterator<Message> | undefined): void {
  source?.return?.().catch(() => undefined)
}
