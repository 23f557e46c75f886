import { isDeepStrictEqual } from 'node:util'
import { Failure, type Violation } from '#mesh/errors.ts'
import { builtInRoles, scopesOfRoles } from '#mesh/scopes.ts'
import { signatureAlgorithms } from '#mesh/tokens/keys.ts'
import { record } from '../audit/index.ts'
import { checkName, recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { discover } from './discover.ts'
import { excesses } from './narrow.ts'
import { endFederated } from './sessions.ts'
import { type IssuerRow, issuerByName, issuersByUrl, rolesOf, upsertIssuer } from './store-tokens.ts'

export interface IssuerInput {
  readonly name: string
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly clockSkewSeconds: number
  readonly rules: readonly {
    readonly claim: string
    readonly value: string
    readonly workspace: string
    readonly roles: readonly string[]
  }[]
  readonly clientId: string
  /** Undefined keeps the one that is there, where it is of the same provider; empty is none. */
  readonly clientSecret?: string | undefined
}

const usualAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA']

/** Declares a provider whose tokens are believed. It must answer now: what cannot be discovered is not stored. */
export async function putIssuer(deps: Deps, ctx: Context, input: IssuerInput): Promise<IssuerRow> {
  authorise(ctx, 'issuers:admin')
  checkName(input.name, '/name')
  const { workspace } = ctx.actor
  const rules = input.rules.map((rule) => ({ ...rule, workspace: rule.workspace || workspace, roles: [...rule.roles] }))
  const errors = [...violations(deps, input), ...(await ruleViolations(deps, ctx, rules))]
  if (errors.length > 0) throw new Failure('request.invalid', 'The issuer does not hold.', { errors })
  await refuseClaimed(deps, workspace, input)
  const { metadata, jwks } = await discover(deps.outbound, input.issuer)
  if (input.clientId !== '') refuseUnlessSignIn(input.issuer, metadata)
  const before = await issuerByName(deps.db, workspace, input.name)
  const now = new Date(deps.now())
  const row: IssuerRow = {
    workspace,
    name: input.name,
    issuer: input.issuer,
    audiences: [...input.audiences],
    algorithms: input.algorithms.length > 0 ? [...input.algorithms] : usualAlgorithms,
    clockSkewSeconds: input.clockSkewSeconds,
    rules,
    clientId: input.clientId,
    sealedSecret: sealedSecret(deps, before, { ...input, workspace }),
    metadata: { ...metadata },
    jwks,
    keysTriedAt: now,
    keysFetchedAt: now,
    keysError: '',
  }
  await deps.db.transaction(async (tx) => {
    await upsertIssuer(tx, row)
    if (before !== undefined && !(before.issuer === row.issuer && isDeepStrictEqual(before.rules, rules))) {
      await endFederated(tx, before, deps.now())
    }
    await recordChange(tx, { kind: 'issuer', workspace, name: input.name })
    const detail = {
      issuer: row.issuer,
      audiences: row.audiences,
      algorithms: row.algorithms,
      rules: rules.map(({ claim, workspace: into, roles }) => ({ claim, workspace: into, roles })),
      client_id: row.clientId,
      client_secret: row.sealedSecret === (before?.sealedSecret ?? null) ? 'kept' : 'changed',
    }
    await record(tx, ctx, { action: 'put_issuer', resource: `issuer/${input.name}`, detail })
  })
  deps.forget()
  return row
}

export function secretPlace(workspace: string, name: string): string {
  return `issuer/${workspace}/${name}`
}

function sealedSecret(
  { seal }: Deps,
  before: IssuerRow | undefined,
  { workspace, name, issuer, clientSecret }: IssuerInput & { readonly workspace: string },
): string | null {
  if (clientSecret === '') return null
  if (clientSecret !== undefined) return seal.seal(secretPlace(workspace, name), clientSecret)
  // Whoever may declare another provider under this name must not learn the secret by that.
  return before?.issuer === issuer ? before.sealedSecret : null
}

/** Code and PKCE by S256 are the one way in which people sign in here. */
function refuseUnlessSignIn(issuer: string, metadata: IssuerRow['metadata']): void {
  const { code_challenge_methods_supported: methods } = metadata
  const reasons = ['authorization_endpoint', 'token_endpoint']
    .filter((name) => {
      const address = metadata[name]
      const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined
      return url?.protocol !== 'https:' && url?.protocol !== new URL(issuer).protocol
    })
    .map((name) => `has no ${name} that can be used`)
  if (Array.isArray(methods) && !methods.includes('S256')) reasons.push('does not know PKCE with S256')
  if (reasons.length === 0) return
  throw new Failure('request.invalid', `Nobody can sign in at ${issuer}: it ${reasons.join(' and ')}.`, {
    hint: 'Leave client_id out: its tokens are believed all the same.',
    errors: reasons.map((reason) => ({ pointer: '/client_id', reason: `names a client of a provider that ${reason}` })),
  })
}

function violations(deps: Deps, input: IssuerInput): Violation[] {
  const errors: Violation[] = []
  if (!URL.canParse(input.issuer) || /[?#]/.test(input.issuer)) {
    errors.push({ pointer: '/issuer', reason: 'must be a URL without query and fragment' })
  }
  if (input.issuer === deps.issuerUrl) errors.push({ pointer: '/issuer', reason: 'is this installation itself' })
  if (input.audiences.length < 1 || input.audiences.length > 20) {
    errors.push({ pointer: '/audiences', reason: 'must be 1 to 20 texts of which a token’s `aud` has one' })
  }
  for (const [i, algorithm] of input.algorithms.entries()) {
    if ((signatureAlgorithms as readonly string[]).includes(algorithm)) continue
    errors.push({ pointer: `/algorithms/${i}`, reason: `must be one of ${signatureAlgorithms.join(', ')}` })
  }
  if (input.clockSkewSeconds > 300) errors.push({ pointer: '/clock_skew_s', reason: 'must be at most 300' })
  if (input.rules.length < 1 || input.rules.length > 100) {
    errors.push({ pointer: '/rules', reason: 'must be 1 to 100 rules: who its users are here' })
  }
  return errors
}

/** Nobody lets others do more than they may do themselves, nor into a workspace that is not theirs. */
async function ruleViolations(deps: Deps, ctx: Context, rules: IssuerRow['rules']): Promise<Violation[]> {
  const errors: Violation[] = []
  for (const [i, { workspace, roles, claim, value }] of rules.entries()) {
    if (claim.length > 200 || value.length > 500) errors.push({ pointer: `/rules/${i}`, reason: 'is too long' })
    if (roles.length < 1) errors.push({ pointer: `/rules/${i}/roles`, reason: 'must name a role' })
    const foreign = workspace !== ctx.actor.workspace
    if (foreign) authorise(ctx, 'workspaces:admin')
    const defined = await rolesOf(deps.db, workspace)
    for (const [j, role] of roles.entries()) {
      if (Object.hasOwn(builtInRoles, role) || defined.some(({ name }) => name === role)) continue
      errors.push({ pointer: `/rules/${i}/roles/${j}`, reason: `\`${role}\` is not a role of ${workspace}` })
    }
    const given = {
      scopes: scopesOfRoles(roles, defined),
      params: {},
      filters: [],
      plan: undefined,
      expiresAt: undefined,
    }
    for (const { reason } of excesses(given, ctx.actor)) errors.push({ pointer: `/rules/${i}/roles`, reason })
  }
  return errors
}

/** A provider's audience is one client of it: whose tokens they are must not depend on who else declares it. */
async function refuseClaimed(deps: Deps, workspace: string, { name, issuer, audiences }: IssuerInput): Promise<void> {
  const others = (await issuersByUrl(deps.db, issuer)).filter((row) => row.workspace !== workspace || row.name !== name)
  const taken = audiences.findIndex((audience) => others.some((row) => row.audiences.includes(audience)))
  if (taken < 0) return
  throw new Failure('resource.exists', 'This issuer is declared with that audience already.', {
    hint: 'Register another client with the provider, and use its audience.',
    errors: [{ pointer: `/audiences/${taken}`, reason: 'is in use' }],
  })
}
