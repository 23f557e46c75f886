import { timestampMs } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import { isWellFormedKey } from '#mesh/keys.ts'
import type { Client } from '#mesh/rpc/call.ts'
import { type Change, Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { Actor, IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Feed } from '../changes/feed.ts'
import { isToken } from '#mesh/tokens/verify.ts'
import type { Background } from '../core.ts'
import type { Limiter, Meter } from '../limit/limiter.ts'
import { isSession } from './cookie.ts'
import { digest } from './digest.ts'
import type { EdgeTrust } from './trust.ts'

const maxSessions = 10_000
const maxUnknown = 10_000
const unknownMs = 5_000
const longestKey = 200
const longestHandle = 2_048
/** Strangers can make the core verify keys; this many at once. */
const maxVerifying = 100

/** A credential that was verified, with what is made of it once. */
export interface Session {
  /** Of this isolate, never used again: what is remembered under it ends with it. */
  readonly id: number
  readonly actor: Actor
  readonly expiresAtMs: number
  /** Verified here, by the keys of its issuer. */
  readonly byToken: boolean
  /** What there is to see for the actor: part of every cache key. */
  readonly predicate: string
  /** The actor's own rate limit. */
  readonly meter: Meter
}

export interface SessionsDeps {
  readonly identity: Pick<Client<typeof IdentityService>, 'verifyKey'>
  readonly trust: Pick<EdgeTrust, 'verify'>
  readonly feed: Feed
  readonly limiter: Limiter
  readonly now: () => number
}

/** The credentials that this isolate knows. */
export function createSessions({ identity, trust, feed, limiter, now }: SessionsDeps) {
  const sessions = new Map<string, Session>()
  const unknown = new Map<string, number>()
  const verifying = new Map<string, Promise<Session>>()
  let count = 0

  feed.onChange((change) => {
    if (change === undefined) unknown.clear()
    for (const [hash, session] of sessions) if (isAbout(change, session)) sessions.delete(hash)
  })

  async function verify(credential: string, requestId: string, imported: boolean) {
    if (!imported && isToken(credential)) return trust.verify(credential, requestId)
    const { actor } = await identity.verifyKey(
      { key: credential, imported },
      { metadata: { 'x-request-id': requestId } },
    )
    if (actor === undefined) throw new Failure('internal.error', 'An unexpected error occurred.')
    return { actor, expiresAtMs: actor.expiresAt === undefined ? Infinity : timestampMs(actor.expiresAt) }
  }

  async function ask(hash: string, credential: string, requestId: string, imported: boolean): Promise<Session> {
    const before = feed.total()
    let verified: Awaited<ReturnType<typeof verify>>
    try {
      verified = await verify(credential, requestId, imported)
    } catch (thrown) {
      if (thrown instanceof Failure && thrown.problem === 'auth.invalid') {
        bound(unknown, maxUnknown)
        unknown.set(hash, now() + unknownMs)
      }
      throw thrown
    }
    const { actor, expiresAtMs } = verified
    const session: Session = {
      id: ++count,
      actor,
      expiresAtMs,
      byToken: isToken(credential),
      predicate: predicateOf(actor),
      meter: limiter.meter(`${actor.workspace}/${actor.subject || actor.id}`, {
        name: actor.plan?.name || 'default',
        limit: actor.plan?.requests ?? 0,
        windowMs: (actor.plan?.windowSeconds || 60) * 1000,
        burst: actor.plan?.burst ?? 0,
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

  async function find(
    hash: string,
    credential: string,
    requestId: string,
    background: Background,
    imported: boolean,
  ): Promise<Session> {
    const session = known(hash)
    if (session !== undefined) return session
    const until = unknown.get(hash)
    if (until !== undefined && until > now()) throw refused()
    let work = verifying.get(hash)
    if (work === undefined) {
      if (verifying.size >= maxVerifying) {
        throw new Failure('limit.queue_full', 'Too many keys are being verified.', { retryAfterMs: 1_000 })
      }
      work = ask(hash, credential, requestId, imported).finally(() => verifying.delete(hash))
      verifying.set(hash, work)
      background.waitUntil(work.catch(() => undefined))
    }
    return work
  }

  async function open(credential: string, requestId: string, background: Background): Promise<Session> {
    if (!isWellFormedKey(credential) && !isToken(credential) && !isSession(credential)) throw refused()
    return find(handleOf(credential), credential, requestId, background, false)
  }

  return {
    /** The session of a credential if this isolate has it; whether it may be relied on is the feed's to say. */
    peek: (credential: string) => known(handleOf(credential)),

    /** The session of a credential, verified by the core if it is not known here. */
    open,

    /** As `open`, for a key that somebody shows to somebody else: an imported one too, which opens nothing here. */
    async lookUp(key: string, requestId: string, background: Background): Promise<Session> {
      if (isWellFormedKey(key)) return open(key, requestId, background)
      // The digest is of ASCII alone: other texts could share one.
      if (!/^[\x21-\x7e]{1,512}$/.test(key)) throw refused()
      return find(`imported ${digest(key)}`, key, requestId, background, true)
    },
  }
}

/** Whether a session may be another one after the change; without one, anything may have changed. */
function isAbout(change: Change | undefined, { actor, byToken }: Session): boolean {
  if (change === undefined) return true
  // A provider may have users in any workspace.
  if (change.kind === Change_Kind.ISSUER) return byToken
  if (actor.workspace !== change.workspace) return false
  if (change.kind === Change_Kind.WORKSPACE) return true
  if (change.kind === Change_Kind.KEY) return actor.id === change.name
  return change.kind === Change_Kind.SESSION && (actor.id === change.name || actor.session === change.name)
}

/**
 * What a credential is found by. Of a key that is its hash, as its text must not be kept. A token is itself, unless it is
 * long: hashing a kilobyte costs more than all else that is done for a repeated one, and it holds for minutes only.
 */
function handleOf(credential: string): string {
  return credential.length > longestKey && credential.length <= longestHandle ? credential : digest(credential)
}

function refused(): Failure {
  return new Failure('auth.invalid', 'The key is not known.')
}

/** Row filters, and whose personal data is seen, in one text, however they are ordered. */
export function predicateOf({ filters, scopes }: Pick<Actor, 'filters' | 'scopes'>): string {
  const rows = filters.map(({ stream, column, values }) =>
    JSON.stringify([stream, column, [...new Set(values)].toSorted()]),
  )
  const unmasked = scopes.filter((scope) => scope.startsWith('pii:'))
  return [...new Set([...rows, ...unmasked])].toSorted().join('\n')
}

/** Makes room for one more by forgetting the oldest. */
function bound(map: Map<string, unknown>, max: number): void {
  if (map.size < max) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
