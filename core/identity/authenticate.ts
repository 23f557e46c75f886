import { timingSafeEqual } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Call } from '#mesh/rpc/call.ts'
import { isToken } from '#mesh/tokens/verify.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { type Assertions, isAssertion } from './assertion.ts'
import { secretHash } from './mint.ts'

const freshMs = 5_000
const maxCached = 10_000

/** An edge of this installation: may verify keys, read the change feed and report usage, and nothing else. */
const edge = create(ActorSchema, { id: 'svc_edge', scopes: ['internal:edge'] })
/** Whoever holds the machine itself: may recover a lost administrator's key, and nothing else. */
const operator = create(ActorSchema, { id: 'svc_operator', scopes: ['internal:operator'] })

/**
 * Turns a call's credential, a key or a token, into an actor; or else the certificate of whoever calls. Verified ones are remembered for at most five seconds, never past their
 * expiry, and forgotten at once when anything about keys changes in this process.
 */
export function createAuthenticator(deps: {
  readonly verifyKey: (key: string) => Promise<Actor>
  readonly verifyToken: (token: string) => Promise<{ readonly actor: Actor; readonly expiresAtMs: number }>
  /** Other processes of this core: who they say calls does. */
  readonly assertions: Assertions
  readonly edgeToken: string
  readonly operatorToken: string
  readonly serviceOf: (call: Call) => Actor | undefined
  readonly now: () => number
}): { authenticate(call: Call): Promise<Actor | undefined>; forget(): void } {
  const services = [
    { actor: edge, digest: Buffer.from(secretHash(deps.edgeToken)) },
    { actor: operator, digest: Buffer.from(secretHash(deps.operatorToken)) },
  ]
  const known = new Map<string, { readonly actor: Actor; readonly until: number }>()
  let generation = 0

  async function verifiedKey(text: string) {
    const actor = await deps.verifyKey(text)
    return { actor, expiresAtMs: actor.expiresAt === undefined ? Infinity : timestampMs(actor.expiresAt) }
  }

  return {
    async authenticate(call) {
      const text = credential(call)
      // A service may call for somebody else, whose credential it then sends.
      if (text === undefined) return deps.serviceOf(call)
      if (isAssertion(text)) return deps.assertions.read(text)
      const digest = secretHash(text)
      const service = services.find((known) => timingSafeEqual(known.digest, Buffer.from(digest)))
      if (service !== undefined) return service.actor
      const cached = known.get(digest)
      const now = deps.now()
      if (cached !== undefined && now < cached.until) return cached.actor
      const before = generation
      const { actor, expiresAtMs } = isToken(text) ? await deps.verifyToken(text) : await verifiedKey(text)
      if (before === generation) {
        if (known.size >= maxCached) known.clear()
        known.set(digest, { actor, until: Math.min(now + freshMs, expiresAtMs) })
      }
      return actor
    },
    forget() {
      generation++
      known.clear()
    },
  }
}

function credential(call: Call): string | undefined {
  const header = call.metadata.get('authorization')
  if (header === undefined) return call.metadata.get('x-api-key')
  const match = /^Bearer +(\S+)$/i.exec(header)
  if (match?.[1] === undefined) {
    throw new Failure('auth.invalid', 'The Authorization header is not of the form `Bearer <key>`.')
  }
  return match[1]
}
