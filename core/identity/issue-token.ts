import { clone, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import { randomUUID } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import { claimsOfActor } from '#mesh/tokens/claims.ts'
import { isToken } from '#mesh/tokens/verify.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { itself, record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import type { Deps } from './deps.ts'
import { mintId, mintSecret, secretHash } from './mint.ts'
import { excesses, filterViolations, type RowFilter, scopeViolations, unboundSql } from './narrow.ts'
import { personalFilters } from './personal-filters.ts'
import { longestTokenSeconds } from './signing.ts'
import {
  insertSession,
  rotateRefreshToken,
  sessionByHash,
  sessionOfUsed,
  type SessionRow,
  setSessionEnded,
} from './store-tokens.ts'
import { keyOf, verifyKey } from './verify-key.ts'

/** A family of refresh tokens ends this long after it began, used or not. */
const familyMs = 30 * 86_400_000
/** One that came of a provider's token: its provider is to be asked again. */
export const federatedFamilyMs = 8 * 3_600_000

export type Grant = 'client_credentials' | 'refresh_token' | 'token_exchange'

export interface TokenRequest {
  readonly grant: Grant
  readonly credential: string
  readonly scopes: readonly string[]
  readonly params: Readonly<Record<string, string>>
  readonly filters: readonly RowFilter[]
  readonly offline: boolean
  readonly ttlSeconds: number
  readonly requestId: string
  readonly address: string
}

export interface Tokens {
  readonly accessToken: string
  readonly expiresIn: number
  readonly scopes: readonly string[]
  /** Empty unless asked for. */
  readonly refreshToken: string
}

/** Who asks, and until when what is given may hold at most. */
interface Bearer {
  readonly actor: Actor
  readonly untilMs: number
  /** Of a provider. */
  readonly federated: boolean
}

/** RFC 6749 and RFC 8693: an access token for a key, a refresh token, or another token, never for more than that has. */
export async function issueToken(deps: Deps, request: TokenRequest): Promise<Tokens> {
  if (request.grant === 'refresh_token') return refresh(deps, request)
  const bearer = await bearerOf(deps, request)
  if (request.offline && request.grant === 'token_exchange' && !bearer.federated) {
    throw new Failure('auth.grant', 'A token cannot be exchanged for a refresh token.', {
      errors: [{ pointer: 'scope', reason: 'has offline_access, which only a key or a provider’s token can ask for' }],
    })
  }
  const actor = await narrowed(deps, bearer.actor, request)
  if (!request.offline) return sign(deps, actor, request, bearer.untilMs, '')
  const now = deps.now()
  const refreshToken = mintSecret('ewr')
  const family = {
    id: mintId('ses', now),
    workspace: actor.workspace,
    actor: actor.id,
    kind: 'tokens' as const,
    hash: secretHash(refreshToken),
    granted: { federated: bearer.federated, actor: toJson(ActorSchema, actor) },
    createdAt: new Date(now),
    usedAt: new Date(now),
    expiresAt: new Date(Math.min(now + (bearer.federated ? federatedFamilyMs : familyMs), expiryOf(actor))),
  }
  // An access token alone ends by itself within minutes, and changes nothing: this one can be renewed.
  const session = await deps.db.transaction(async (tx) => {
    const begun = await insertSession(tx, family)
    const detail = { scopes: actor.scopes, federated: bearer.federated }
    const { requestId, address } = request
    await record(tx, { actor, requestId, address }, { action: 'issue_token', resource: `session/${begun.id}`, detail })
    return begun
  })
  actor.session = session.id
  return sign(deps, actor, request, bearer.untilMs, refreshToken)
}

async function bearerOf(deps: Deps, { grant, credential }: TokenRequest): Promise<Bearer> {
  if (grant === 'client_credentials') {
    const actor = await verifyKey(deps, credential)
    return { actor, untilMs: Infinity, federated: false }
  }
  if (!isToken(credential)) throw new Failure('auth.grant', 'The subject_token is not a signed JWT.')
  try {
    const { actor, expiresAtMs, own } = await deps.trust.verify(credential)
    // Exchanged again and again, a token must not live longer than it was given.
    return { actor, untilMs: expiresAtMs, federated: !own }
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.problem !== 'auth.invalid') throw thrown
    throw new Failure('auth.grant', thrown.message, { cause: thrown })
  }
}

async function refresh(deps: Deps, request: TokenRequest): Promise<Tokens> {
  const now = deps.now()
  const hash = secretHash(request.credential)
  const session = await sessionByHash(deps.db, hash)
  if (session === undefined || session.kind !== 'tokens') {
    const stolen = await sessionOfUsed(deps.db, hash)
    if (stolen !== undefined) await endFamily(deps, stolen, request)
    throw new Failure(
      'auth.grant',
      stolen === undefined
        ? 'The refresh token is not known.'
        : 'The refresh token was used before. Somebody else may have it, so everything that came of it was ended.',
    )
  }
  if (session.endedAt !== null || session.expiresAt.getTime() <= now) {
    throw new Failure('auth.grant', 'The refresh token has expired, or its session was ended.')
  }
  const actor = await narrowed(deps, await granted(deps, session), request)
  actor.session = session.id
  const refreshToken = mintSecret('ewr')
  const rotated = await deps.db.transaction((tx) =>
    rotateRefreshToken(tx, session.id, { from: hash, to: secretHash(refreshToken), at: new Date(now) }),
  )
  if (!rotated) {
    // Two came at the same time with the same one.
    await endFamily(deps, session, request)
    throw new Failure('auth.grant', 'The refresh token was used twice. Everything that came of it was ended.')
  }
  return sign(deps, actor, request, session.expiresAt.getTime(), refreshToken)
}

/** What the family was given, within what its actor still has. */
async function granted(deps: Deps, session: SessionRow): Promise<Actor> {
  const { federated, actor: json } = session.granted as { readonly federated: boolean; readonly actor: JsonObject }
  const actor = fromJson(ActorSchema, json)
  if (federated) return actor
  const now = await keyOf(deps, session.workspace, session.actor)
  if (now === undefined) throw new Failure('auth.grant', 'The key that the refresh token came of has ended.')
  const beyond = excesses({ ...actor, expiresAt: undefined, plan: undefined }, { ...now, expiresAt: undefined })
  if (beyond.length > 0) throw new Failure('auth.grant', 'The key no longer has what was granted.', { errors: beyond })
  return clone(ActorSchema, { ...now, scopes: actor.scopes, params: actor.params, filters: actor.filters })
}

async function endFamily(
  deps: Deps,
  { id, workspace }: SessionRow,
  { requestId, address }: Pick<TokenRequest, 'requestId' | 'address'>,
): Promise<void> {
  await deps.db.transaction(async (tx) => {
    if (await setSessionEnded(tx, id, new Date(deps.now()))) {
      await recordChange(tx, { kind: 'session', workspace, name: id })
      const author = { ...itself(workspace), requestId, address }
      await record(tx, author, { action: 'end_session', resource: `session/${id}` })
    }
  })
  deps.forget()
}

/** The actor with what was asked for, where that is no more than it has. */
async function narrowed(deps: Deps, bearer: Actor, { scopes, params, filters }: TokenRequest): Promise<Actor> {
  const asked = {
    scopes: scopes.length > 0 ? scopes : bearer.scopes,
    params: { ...params, ...bearer.params },
    filters: filters.length > 0 ? filters : bearer.filters,
    plan: undefined,
    expiresAt: undefined,
  }
  const errors = [
    ...scopeViolations(scopes),
    ...filterViolations(filters),
    ...unboundSql(asked),
    ...excesses(asked, { ...bearer, expiresAt: undefined }),
    ...(await personalFilters(deps.db, bearer, filters)),
  ]
  for (const [name, value] of Object.entries(params)) {
    if (Object.hasOwn(bearer.params, name) && bearer.params[name] !== value) {
      errors.push({ pointer: `/params/${name}`, reason: 'is bound already' })
    }
  }
  if (errors.length > 0) throw new Failure('request.invalid', 'The token cannot be given as asked for.', { errors })
  const actor = clone(ActorSchema, bearer)
  actor.scopes = [...asked.scopes]
  actor.params = { ...asked.params }
  actor.filters = asked.filters.map(({ stream, column, values }) => ({
    $typeName: 'edgewise.identity.v1.Filter',
    stream,
    column,
    values: [...values],
  }))
  return actor
}

async function sign(
  deps: Deps,
  actor: Actor,
  { ttlSeconds }: TokenRequest,
  untilMs: number,
  refreshToken: string,
): Promise<Tokens> {
  const now = Math.floor(deps.now() / 1000)
  const asked = ttlSeconds > 0 ? Math.min(ttlSeconds, longestTokenSeconds) : longestTokenSeconds
  const exp = Math.min(now + asked, Math.floor(Math.min(untilMs, expiryOf(actor)) / 1000))
  const accessToken = await deps.signer.sign({
    iss: deps.issuerUrl,
    aud: deps.issuerUrl,
    jti: randomUUID(),
    iat: now,
    exp,
    ...claimsOfActor(actor),
  })
  return { accessToken, expiresIn: exp - now, scopes: actor.scopes, refreshToken }
}

function expiryOf({ expiresAt }: Actor): number {
  return expiresAt === undefined ? Infinity : timestampMs(expiresAt)
}
