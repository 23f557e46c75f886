import { Failure } from '#mesh/errors.ts'
import type { Client } from '#mesh/rpc/call.ts'
import { createVerifier, type Verdict, type Verifier } from '#mesh/tokens/verify.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { TokenService, Trust } from '#proto/edgewise/identity/v1/token_pb.ts'
import type { Feed } from '../changes/feed.ts'

/** However many tokens name unknown keys, the core is asked to look for new ones this often for each issuer. */
const refreshEveryMs = 10_000
const maxIssuers = 1_000

export interface TrustDeps {
  readonly tokens: Pick<Client<typeof TokenService>, 'getTrust' | 'refreshIssuer'>
  readonly feed: Feed
  readonly now: () => number
}

export interface EdgeTrust {
  /** Who the bearer of a token is; throws a Failure for one that does not hold. Asks nobody, once the keys are here. */
  verify(token: string, requestId: string): Promise<Extract<Verdict, { readonly actor: unknown }>>
  /** Our own issuer and its keys, for those who verify by themselves. */
  own(requestId: string): Promise<{ readonly issuer: string; readonly jwks: string }>
}

/** What changes whose tokens are believed. */
const relevant: ReadonlySet<Change_Kind> = new Set([
  Change_Kind.ISSUER,
  Change_Kind.SESSION,
  Change_Kind.KEY,
  Change_Kind.WORKSPACE,
])

/** Whose tokens this isolate believes, as the core said last. */
export function createEdgeTrust({ tokens, feed, now }: TrustDeps): EdgeTrust {
  let kept: Promise<{ readonly message: Trust; readonly verifier: Verifier }> | undefined
  const refreshedAt = new Map<string, number>()

  feed.onChange((change) => {
    if (change === undefined || relevant.has(change.kind)) kept = undefined
  })

  async function load(requestId: string) {
    const message = await tokens.getTrust({}, { metadata: { 'x-request-id': requestId } })
    return { message, verifier: createVerifier(message) }
  }

  function currently(requestId: string): NonNullable<typeof kept> {
    if (kept !== undefined) return kept
    const work = load(requestId)
    kept = work
    work.catch(() => {
      if (kept === work) kept = undefined
    })
    return work
  }

  /** Whether it is worth another look. */
  async function refresh(issuer: string, requestId: string): Promise<boolean> {
    const last = refreshedAt.get(issuer) ?? Number.NEGATIVE_INFINITY
    if (now() - last < refreshEveryMs) return false
    if (refreshedAt.size >= maxIssuers) refreshedAt.clear()
    refreshedAt.set(issuer, now())
    await tokens.refreshIssuer({ issuer }, { metadata: { 'x-request-id': requestId } })
    kept = undefined
    return true
  }

  return {
    async verify(token, requestId) {
      let verdict = await (await currently(requestId)).verifier.verify(token, now())
      if ('unknownKeyOf' in verdict && (await refresh(verdict.unknownKeyOf, requestId))) {
        verdict = await (await currently(requestId)).verifier.verify(token, now())
      }
      if ('actor' in verdict) return verdict
      const why = 'refused' in verdict ? verdict.refused : 'The key that it names is not one of its issuer.'
      throw new Failure('auth.invalid', `The token is not accepted. ${why}`)
    },
    async own(requestId) {
      const { message } = await currently(requestId)
      const own = message.issuers.find((issuer) => issuer.own)
      if (own === undefined) throw new Failure('internal.error', 'An unexpected error occurred.')
      return own
    },
  }
}
