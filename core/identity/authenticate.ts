import { timingSafeEqual } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Call } from '#mesh/rpc/call.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { keyHash } from './mint.ts'

const freshMs = 5_000
const maxCached = 10_000

/** The edge of this installation: may verify keys, read the change feed and report usage, and nothing else. */
const edgeActor = create(ActorSchema, { id: 'svc_edge', scopes: ['internal:edge'] })

/**
 * Turns a call's credential into an actor. Verified keys are remembered for at most five seconds, never past their
 * expiry, and forgotten at once when anything about keys changes in this process.
 */
export function createAuthenticator(deps: {
  readonly verify: (key: string) => Promise<Actor>
  /** The edge's own credential. */
  readonly edgeToken: string
  readonly now: () => number
}): { authenticate(call: Call): Promise<Actor | undefined>; forget(): void } {
  const edgeDigest = Buffer.from(keyHash(deps.edgeToken))
  const known = new Map<string, { readonly actor: Actor; readonly until: number }>()
  let generation = 0

  return {
    async authenticate(call) {
      const text = credential(call)
      if (text === undefined) return undefined
      const digest = keyHash(text)
      if (timingSafeEqual(Buffer.from(digest), edgeDigest)) return edgeActor
      const cached = known.get(digest)
      const now = deps.now()
      if (cached !== undefined && now < cached.until) return cached.actor
      const before = generation
      const actor = await deps.verify(text)
      const expires = actor.expiresAt === undefined ? Infinity : timestampMs(actor.expiresAt)
      if (before === generation) {
        if (known.size >= maxCached) known.clear()
        known.set(digest, { actor, until: Math.min(now + freshMs, expires) })
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
