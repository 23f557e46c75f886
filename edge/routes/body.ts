import { Failure } from '#mesh/errors.ts'

/** The largest body of a request that is not a batch of events. */
export const maxJsonBytes = 1 << 20

/** A body within its bound; what is larger is refused as soon as that is known. */
export function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return read(request, maxBytes).catch((thrown: unknown) => {
    // A client that hangs up half-way is no fault of ours.
    throw thrown instanceof Failure
      ? thrown
      : new Failure('request.cancelled', 'The body broke off.', { cause: thrown })
  })
}

async function read(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get('content-length')
  if (declared !== null && Number(declared) > maxBytes) throw tooLarge(maxBytes)
  // With a declared length the runtime itself holds the client to it.
  if (declared !== null) return new Uint8Array(await request.arrayBuffer())
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of request.body ?? []) {
    bytes += part.byteLength
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    parts.push(part)
  }
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}

export function tooLarge(maxBytes: number): Failure {
  return new Failure('request.too_large', `The body is larger than ${maxBytes} bytes.`)
}

/** JSON whose numbers keep every digit: they arrive as their text. */
export function parseExact(text: string): unknown {
  return parseJson(text, (_key, value, { source }) => (typeof value === 'number' ? (source ?? String(value)) : value))
}

/** JSON in which every number is written again as it was read. */
export function rewriteExact(text: string): unknown {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }
  return parseJson(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? rawJSON(source) : value,
  )
}

/** https://tc39.es/proposal-json-parse-with-source/, which the type library does not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

function parseJson(text: string, reviver: Reviver): unknown {
  try {
    return (JSON.parse as (text: string, reviver: Reviver) => unknown)(text, reviver)
  } catch (cause) {
    throw new Failure('request.invalid', 'The body is not JSON.', { cause })
  }
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
