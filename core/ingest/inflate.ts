import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { Failure } from '#mesh/errors.ts'
import type { IngestLimits } from './limits.ts'
import type { Locks } from './locks.ts'

const inflateGzip = promisify(gunzip)

/** The body as it was before compression, never more than the bound. */
export async function inflate(
  body: Uint8Array,
  encoding: string,
  { maxBodyBytes, maxInflatedBytes }: Pick<IngestLimits, 'maxBodyBytes' | 'maxInflatedBytes'>,
): Promise<Buffer> {
  if (body.byteLength > maxBodyBytes) {
    throw new Failure('request.too_large', `The body has ${body.byteLength} bytes; at most ${maxBodyBytes} are taken.`)
  }
  const coding = encoding.trim().toLowerCase()
  if (coding === '' || coding === 'identity') return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (coding !== 'gzip' && coding !== 'x-gzip') {
    throw new Failure(
      'request.unsupported_media_type',
      `The content encoding \`${encoding.slice(0, 40)}\` is not taken.`,
      {
        hint: 'Send it plain or with Content-Encoding: gzip.',
        errors: [{ pointer: 'Content-Encoding', reason: 'must be gzip or absent' }],
      },
    )
  }
  try {
    return await inflateGzip(body, { maxOutputLength: maxInflatedBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Failure('request.too_large', `The body inflates to more than ${maxInflatedBytes} bytes.`)
    }
    throw new Failure('request.invalid', 'The body is not valid gzip.', {
      errors: [{ pointer: 'body', reason: 'cannot be inflated' }],
      cause: error,
    })
  }
}

export type Inflate = typeof inflate

/** The same, a bounded number at a time. */
export function createInflate(locks: Locks, maxInflating: number): Inflate {
  let turn = 0
  return (body, encoding, limits) =>
    encoding === ''
      ? inflate(body, encoding, limits)
      : locks.alone(`inflate/${turn++ % maxInflating}`, () => inflate(body, encoding, limits))
}
