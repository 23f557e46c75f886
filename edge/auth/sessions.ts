import { timestampMs } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import { isWellFormedKey } from '#mesh/keys.ts'
import type { Client } from '#mesh/rpc/call.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { Actor, IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Feed } from '../changes/feed.ts'
import type { Background } from '../core.ts'
import type { Limiter, Meter } from '../limit/limiter.ts'
import { digest } from './digest.ts'

const maxSessions = 10_000
const maxUnknown = 10_000
const unknownMs = 5_000
/** Strangers can make the core verify keys; this many at once. */
const maxVerifying = 100

/** A credential that was verified, with what is made of it once. */
export interface Session {
  /** Of this isolate, never used again: what is remembered under it ends with it. */
  readonly id: number
  readonly actor: Actor
  readonly expiresAtMs: number
  /** What of the actor decides which rows an answer has: part of every cache key. */
  readonly variant: string
  /** The actor's own rate limit. */
  readonly meter: Meter
}

export interface SessionsDeps {
  readonly identity: Pick<Client<typeof IdentityService>, 'verifyKey'>
  readonly feed: Feed
  readonly limiter: Limiter
  readonly now: () => number
}

/** The credentials that this isolate knows, by their hash: their text is not kept. */
export function createSessions({ identity, feed, limiter, now }: SessionsDeps) {
  const sessions = new Map<string, Session>()
  const unknown = new Map<string, number>()
  const verifying = new Map<string, Promise<Session>>()
  let count = 0

  feed.onChange((change) => {
    if (change === undefined) {
      sessions.clear()
      unknown.clear()
    } else if (change.kind === Change_Kind.KEY || change.kind === Change_Kind.WORKSPACE) {
      for (const [hash, { actor }] of sessions) {
        if (actor.workspace !== change.workspace) continue
        if (change.kind === Change_Kind.WORKSPACE || actor.id === change.name) sessions.delete(hash)
      }
    }
  })

  async function ask(hash: string, credential: string, requestId: string): Promise<Session> {
    const before = feed.total()
    let actor: Actor | undefined
    try {
      const answer = await identity.verifyKey({ key: credential }, { metadata: { 'x-request-id': requestId } })
      actor = answer.actor
    } catch (thrown) {
      if (thrown instanceof Failure && thrown.problem === 'auth.invalid') {
        bound(unknown, maxUnknown)
        unknown.set(hash, now() + unknownMs)
      }
      throw thrown
    }
    if (actor === undefined) throw new Failure('internal.error', 'An unexpected error occurred.')
    const session: Session = {
      id: ++count,
      actor,
      expiresAtMs: actor.expiresAt === undefined ? Infinity : timestampMs(actor.expiresAt),
      variant: variantOf(actor),
      meter: limiter.meter(`${actor.workspace}/${actor.id}`, {
        name: actor.plan?.name || 'default',
        limit: actor.plan?.requests ?? 0,
        windowMs: (actor.plan?.windowSeconds || 60) * 1000,
      }),
    }
    // A change that arrived in the meantime may have been about this key.
    if (feed.total() === before) {
      bound(sessions, maxSessions)
      sessions.set(hash, session)
    }
    return session
  }

  function known(hash: string): Session | undefined {
    const session = sessions.get(hash)
    if (session === undefined || session.expiresAtMs > now()) return session
    sessions.delete(hash)
    return undefined
  }

  return {
    /** The session of a credential if this isolate has it; whether it may be relied on is the feed's to say. */
    peek: (credential: string) => known(digest(credential)),

    /** The session of a credential, verified by the core if it is not known here. */
    async open(credential: string, requestId: string, background: Background): Promise<Session> {
      const hash = digest(credential)
      const session = known(hash)
      if (session !== undefined) return session
      if (!isWellFormedKey(credential)) throw refused()
      const until = unknown.get(hash)
      if (until !== undefined && until > now()) throw refused()
      let work = verifying.get(hash)
      if (work === undefined) {
        if (verifying.size >= maxVerifying) {
          throw new Failure('limit.queue_full', 'Too many keys are being verified.', { retryAfterMs: 1_000 })
        }
        work = ask(hash, credential, requestId).finally(() => verifying.delete(hash))
        verifying.set(hash, work)
        background.waitUntil(work.catch(() => undefined))
      }
      return work
    },
  }
}

function refused(): Failure {
  return new Failure('auth.invalid', 'The key is not known.')
}

/** Workspace, bound parameters and row filters in one canonical text. */
function variantOf({ workspace, params, filters }: Actor): string {
  const bound = Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))
  const rows = filters
    .map(({ stream, column, values }) => [stream, column, values.toSorted()])
    .map((filter) => JSON.stringify(filter))
    .sort()
  return JSON.stringify([workspace, bound, rows])
}

/** Makes room for one more by forgetting the oldest. */
function bound(map: Map<string, unknown>, max: number): void {
  if (map.size < max) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
