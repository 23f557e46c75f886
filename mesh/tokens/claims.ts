import { clone, create, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf'
import type { JWTPayload } from 'jose'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { TrustedRule } from '#proto/edgewise/identity/v1/token_pb.ts'

/** What a token of ours says of its bearer: the scopes as RFC 9068 has them, the rest as the proto's JSON. */
export function claimsOfActor(actor: Actor): {
  readonly sub: string
  readonly scope: string
  readonly actor: JsonObject
} {
  const rest = clone(ActorSchema, actor)
  rest.scopes = []
  // For whoever verifies keys; a token is read by others too.
  rest.meta = ''
  delete rest.expiresAt
  return { sub: actor.id, scope: actor.scopes.join(' '), actor: toJson(ActorSchema, rest) as JsonObject }
}

/** The reverse; undefined for a token that we signed for something else. */
export function actorOfClaims({ sub, scope, actor: said }: JWTPayload): Actor | undefined {
  if (typeof scope !== 'string' || typeof said !== 'object' || said === null) return undefined
  try {
    const actor = fromJson(ActorSchema, said as JsonObject)
    actor.scopes = scope === '' ? [] : scope.split(' ')
    return actor.id === sub && actor.workspace !== '' ? actor : undefined
  } catch {
    return undefined
  }
}

/** What a rule asks for, and where it leads. */
interface Rule {
  readonly claim: string
  readonly value: string
  readonly workspace: string
}

/** The first rule that fits says the workspace; it and every other rule of that workspace that fits hold. */
export function fittingRules<R extends Rule>(claims: JWTPayload, rules: readonly R[]): readonly R[] {
  const fitting = rules.filter((rule) => fits(claims, rule))
  return fitting.filter(({ workspace }) => workspace === fitting[0]?.workspace)
}

/** Who the bearer of a federated token is: every rule that holds adds its scopes. */
export async function actorByRules(claims: JWTPayload, rules: readonly TrustedRule[]): Promise<Actor | undefined> {
  const fitting = fittingRules(claims, rules)
  const [first] = fitting
  if (first === undefined) return undefined
  const { workspace, plan, corsOrigins } = first
  const scopes = new Set(fitting.flatMap((rule) => rule.scopes))
  return create(ActorSchema, {
    workspace,
    id: await federatedId(workspace, claims.iss ?? '', claims.sub ?? ''),
    scopes: [...scopes],
    corsOrigins,
    ...(plan !== undefined && { plan }),
  })
}

/** The same person has the same id in a workspace each time: of issuer and subject together, as only the pair is unique. */
export async function federatedId(workspace: string, issuer: string, subject: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${workspace}\n${issuer}\n${subject}`))
  const bytes = [...new Uint8Array(digest, 0, 12)]
  return `usr_${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

function fits(claims: JWTPayload, { claim, value }: Rule): boolean {
  if (claim === '') return true
  const said = valueAt(claims, claim)
  return Array.isArray(said) ? said.some((one) => textOf(one) === value) : textOf(said) === value
}

/** A claim by its name, which may have dots itself (`https://example.com/roles`), or else a path into nested ones. */
function valueAt(claims: JWTPayload, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let at: unknown = claims
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}
