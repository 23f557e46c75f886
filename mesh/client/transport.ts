import { EdgewiseError, refusalOf } from './error.ts'

export interface ClientOptions {
  /** Where the gateway is: `https://events.example.com`. */
  readonly url: string
  /** An API key: `ew_…`. */
  readonly key?: string | undefined
  /** Another `fetch`: a service binding, a test's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** How long a call may take, its retries included. */
  readonly timeoutMs?: number
  /** How often a call is repeated at most, where that is safe: else three times, and events for as long as there is time. */
  readonly retries?: number
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

export interface Ask extends CallOptions {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH'
  readonly path: string
  readonly search?: Readonly<Record<string, SearchValue>> | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
  /** It may be repeated although it is a POST: it only reads, or it carries an Idempotency-Key. */
  readonly repeatable?: boolean
  /** How often, where the client's options do not say. */
  readonly retries?: number
}

export type SearchValue = string | number | boolean | null | undefined | readonly (string | number | boolean)[]

export interface Transport {
  /** The answer, once its headers are here. The time limit ends there. */
  open(ask: Ask): Promise<Response>
  /** The answer's JSON, within the time limit. */
  json<T>(ask: Ask): Promise<{ readonly value: T; readonly response: Response }>
}

const defaultRetries = 3
const firstPauseMs = 200
const longestPauseMs = 5_000
/** Repeating these would only run into the same wall again. */
const hopeless = new Set(['query.timeout', 'limit.deadline'])

export function createTransport(options: ClientOptions): Transport {
  const { key, timeoutMs: defaultTimeoutMs = 30_000 } = options
  const send = options.fetch ?? ((url: string, init: RequestInit) => fetch(url, init))
  const base = options.url.replace(/\/+$/, '')

  async function attempt<T>(ask: Ask, read: (response: Response) => Promise<T>, signal: AbortSignal): Promise<T> {
    const response = await send(base + ask.path + searchOf(ask.search), {
      method: ask.method,
      headers: { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...ask.headers },
      signal,
      ...(ask.body !== undefined && { body: ask.body }),
    })
    if (!response.ok) throw await refusalOf(response, Date.now())
    return read(response)
  }

  async function ask<T>(what: Ask, read: (response: Response) => Promise<T>): Promise<T> {
    const limitMs = what.timeoutMs ?? defaultTimeoutMs
    const deadline = Date.now() + limitMs
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), limitMs)
    const signal = what.signal === undefined ? late.signal : AbortSignal.any([late.signal, what.signal])
    const retries = options.retries ?? what.retries ?? defaultRetries
    const mayRepeat = what.repeatable === true || (what.method !== 'POST' && what.method !== 'PATCH')
    try {
      for (let count = 0; ; count++) {
        try {
          return await attempt(what, read, signal)
        } catch (thrown) {
          what.signal?.throwIfAborted()
          if (late.signal.aborted) throw timeout(limitMs, thrown)
          const error = thrown instanceof EdgewiseError ? thrown : unreachable(base, thrown)
          const pauseMs =
            error.retryAfterMs === undefined
              ? Math.random() * Math.min(firstPauseMs * 2 ** count, longestPauseMs)
              : // Never before what was said, and not at the same moment as everybody else whom it was said to.
                error.retryAfterMs + (Math.random() * (firstPauseMs + error.retryAfterMs)) / 2
          const again = mayRepeat && error.retryable && !hopeless.has(error.code) && count < retries
          if (!again || Date.now() + pauseMs >= deadline) throw error
          await pause(pauseMs, signal)
          what.signal?.throwIfAborted()
        }
      }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    open: (what) => ask(what, (response) => Promise.resolve(response)),
    json: <T>(what: Ask) =>
      ask(what, async (response) => {
        const text = await response.text()
        try {
          return { value: (text === '' ? undefined : JSON.parse(text)) as T, response }
        } catch (cause) {
          throw brokenAnswer(cause)
        }
      }),
  }
}

export function brokenAnswer(cause: unknown): EdgewiseError {
  return new EdgewiseError(
    {
      code: 'client.answer',
      title: 'The answer cannot be read',
      detail: 'The answer broke off, or is not what was asked for.',
      status: 0,
      hint: 'Check that the URL is that of an Edgewise gateway, then retry.',
    },
    { cause },
  )
}

function timeout(limitMs: number, cause: unknown): EdgewiseError {
  return new EdgewiseError(
    {
      code: 'client.timeout',
      title: 'No answer in time',
      detail: `No answer within ${limitMs} ms.`,
      status: 0,
      hint: 'Allow more with timeoutMs, or ask for less.',
    },
    { cause },
  )
}

function unreachable(base: string, cause: unknown): EdgewiseError {
  return new EdgewiseError(
    {
      code: 'client.unreachable',
      title: 'The gateway cannot be reached',
      detail: `${base} cannot be reached.`,
      status: 0,
      hint: 'Check the URL, and that the gateway runs.',
      retryable: true,
    },
    { cause },
  )
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

function searchOf(search: Ask['search']): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(search ?? {})) {
    if (value === undefined || value === null) continue
    for (const one of [value].flat()) params.append(name, String(one))
  }
  return params.size === 0 ? '' : `?${params.toString()}`
}
