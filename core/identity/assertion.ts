import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** A call begins at once; what is left is for clocks that differ. */
const holdsMs = 60_000
const prefix = 'core1'

/**
 * How one process of the core says to another for whom it calls: the actor that it authenticated, with a code that only who
 * has the master key can make (HMAC-SHA-256, RFC 2104, with a key derived as RFC 5869 says).
 */
export interface Assertions {
  make(actor: Actor): string
  /** Fails with `auth.invalid` for one that is over, or that none of these keys made. */
  read(text: string): Actor
}

export function isAssertion(text: string): boolean {
  return text.startsWith(`${prefix}.`)
}

export function createAssertions(master: Uint8Array, previous: readonly Uint8Array[], now: () => number): Assertions {
  const keys = [master, ...previous].map((key) => Buffer.from(hkdfSync('sha256', key, '', 'edgewise core to core', 32)))
  const codeOf = (key: Buffer, said: string) => createHmac('sha256', key).update(said).digest()

  return {
    make(actor) {
      const body = Buffer.from(toBinary(ActorSchema, actor)).toString('base64url')
      const said = `${prefix}.${now() + holdsMs}.${body}`
      return `${said}.${codeOf(keys[0]!, said).toString('base64url')}`
    },
    read(text) {
      const [, until, body = '', code = '', more] = text.split('.')
      const given = Buffer.from(code, 'base64url')
      const said = text.slice(0, text.lastIndexOf('.'))
      const isOurs = keys.some((key) => given.length === 32 && timingSafeEqual(codeOf(key, said), given))
      const leftMs = Number(until) - now()
      if (!isOurs || more !== undefined || !(leftMs > 0 && leftMs <= 2 * holdsMs)) {
        throw new Failure('auth.invalid', 'What one core said to another does not hold.', {
          hint: 'Give all of them the same EDGEWISE_MASTER_KEY, and clocks that agree to a minute.',
        })
      }
      return fromBinary(ActorSchema, Buffer.from(body, 'base64url'))
    },
  }
}
