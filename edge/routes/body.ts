import type { MiddlewareHandler } from 'hono'
import { Failure } from '#mesh/errors.ts'
import { joined } from '../cache/collect.ts'
import type { AppEnv } from './context.ts'

/** The largest body of a request that is not a batch of events. */
export const maxJsonBytes = 1 << 20

/** What is too large is read on so far before it is answered. */
const maxDiscardedBytes = 256 << 20
const maxDiscardingMs = 10_000
const quietMs = 500
/** How long a body may take: this, and its size at a megabit a second. */
const graceMs = 30_000
const minBytesPerMs = 128
const maxDepth = 200

/** A body within its bounds: so many bytes, and not for ever. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get('content-length')
  const declared = length === null ? undefined : Number(length)
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Failure('request.timeout', 'The body did not come in time.')),
    graceMs + Math.min(declared ?? maxBytes, maxBytes) / minBytesPerMs,
  )
  try {
    // With a declared length the runtime itself holds the client to it.
    const whole =
      declared !== undefined && declared <= maxBytes
        ? request.arrayBuffer().then((bytes) => new Uint8Array(bytes))
        : read(request, declared ?? 0, maxBytes)
    return await Promise.race([whole, late.promise])
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown
    // A client that hangs up half-way is no fault of ours.
    throw new Failure('request.cancelled', 'The body broke off.', { cause: thrown })
  } finally {
    if (timer !== undefined) clearTimeout(timer)
  }
}

async function read({ headers, body }: Request, declared: number, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  // Who asks first has not begun to write.
  if (declared > maxBytes && headers.has('expect')) throw tooLarge(maxBytes)
  let refusedAt = declared > maxBytes ? Date.now() : undefined
  const parts: Uint8Array[] = []
  let bytes = 0
  const reader = body?.getReader()
  for (;;) {
    const next = await (refusedAt === undefined ? reader?.read() : soon(reader?.read()))
    if (next?.value === undefined) break
    bytes += next.value.byteLength
    if (bytes > maxBytes) refusedAt ??= Date.now()
    if (refusedAt === undefined) parts.push(next.value)
    else {
      // A connection that closes on a client that still writes takes the answer with it, so it is let write for a while.
      parts.length = 0
      if (bytes > maxDiscardedBytes || Date.now() - refusedAt > maxDiscardingMs) break
    }
  }
  if (refusedAt !== undefined) throw tooLarge(maxBytes)
  return joined(parts, bytes)
}

/** Undefined where it does not come soon: a client that has stopped writing waits for the answer. */
async function soon<T>(work: Promise<T> | undefined): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const quiet = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), quietMs)
  })
  try {
    return await Promise.race([work, quiet])
  } finally {
    if (timer !== undefined) clearTimeout(timer)
  }
}

export function tooLarge(maxBytes: number): Failure {
  return new Failure('request.too_large', `The body is larger than ${maxBytes} bytes.`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** A body as text. Bytes that are none would be replaced without a word, and what is kept would not be what was sent. */
export function textOf(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch (cause) {
    throw new Failure('request.invalid', 'The body is not UTF-8.', {
      hint: 'Send text as UTF-8.',
      errors: [{ pointer: 'body', reason: 'is not valid UTF-8' }],
      cause,
    })
  }
}

/** For routes that take JSON of a schema: behind this it is within its bounds, and says nothing that they would lose. */
export function jsonBodies(maxBytes: number): MiddlewareHandler<AppEnv> {
  return async function jsonBodies(c, next) {
    if (c.req.raw.body !== null) {
      const text = textOf(await readBody(c.req.raw, maxBytes))
      if (text !== '' && /\bjson\b/i.test(c.req.header('content-type') ?? '')) parseJson(text)
      Object.assign(c.req.bodyCache, { text: Promise.resolve(text) })
    }
    await next()
  }
}

export function parseJson(text: string): unknown {
  const value = parse(text)
  if (!isSound(value, 0)) refuseUnsound(value, '', 0)
  return value
}

/** JSON whose numbers keep every digit: they arrive as their text. */
export function parseExact(text: string): unknown {
  const value = parse(text, (_key, one, { source }) => (typeof one === 'number' ? (source ?? String(one)) : one))
  if (!isSound(value, 0)) refuseUnsound(value, '', 0)
  return value
}

/** JSON in which every number is written again as it was read. */
export function rewriteExact(text: string): unknown {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }
  return parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? rawJSON(source) : value,
  )
}

/** https://tc39.es/proposal-json-parse-with-source/, which the type library does not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

function parse(text: string, reviver?: Reviver): unknown {
  try {
    return (JSON.parse as (text: string, reviver?: Reviver) => unknown)(text, reviver)
  } catch (cause) {
    const reason = cause instanceof RangeError ? 'nests too deep' : 'is not JSON'
    throw new Failure('request.invalid', `The body ${reason}.`, { errors: [{ pointer: '', reason }], cause })
  }
}

/**
 * Whether nothing of it is JSON that would not survive: half a surrogate pair becomes another character on its way, and a
 * member called `__proto__` vanishes where an object is copied member by member.
 */
function isSound(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  if (depth === maxDepth) return false
  if (Array.isArray(value)) return value.every((member) => isSound(member, depth + 1))
  for (const name in value) {
    if (name === '__proto__' || !name.isWellFormed()) return false
    if (!isSound((value as Readonly<Record<string, unknown>>)[name], depth + 1)) return false
  }
  return true
}

/** What of it is not sound, and where. */
function refuseUnsound(value: unknown, pointer: string, depth: number): void {
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw lossy(pointer, 'holds half of a surrogate pair, which is no character')
  }
  if (typeof value !== 'object' || value === null) return
  if (depth === maxDepth) throw lossy(pointer.slice(0, 100), `nests deeper than ${maxDepth} levels`)
  for (const [name, member] of Object.entries(value)) {
    const place = `${pointer}/${name.toWellFormed().slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (name === '__proto__') throw lossy(place, 'cannot be a name')
    if (!name.isWellFormed()) throw lossy(place, 'holds half of a surrogate pair, which is no character')
    refuseUnsound(member, place, depth + 1)
  }
}

function lossy(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `${pointer === '' ? 'The body' : pointer} ${reason}.`, {
    errors: [{ pointer, reason }],
  })
}

/** Parameters of a JSON body as text: arrays as JSON, null as absent. */
export function paramsOf(value: unknown): Map<string, readonly string[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Failure('request.invalid', 'The parameters are not a JSON object.')
  }
  const params = new Map<string, readonly string[]>()
  for (const [name, given] of Object.entries(value)) {
    if (given === null) continue
    if (typeof given === 'object' && !Array.isArray(given)) {
      throw new Failure('request.invalid', `${name} is an object.`, {
        errors: [{ pointer: `/${name}`, reason: 'must be a text, a number, a boolean or an array of them' }],
      })
    }
    params.set(name, [Array.isArray(given) ? JSON.stringify(given) : String(given)])
  }
  return params
}
