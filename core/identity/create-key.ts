import type { JsonObject } from '@bufbuild/protobuf'
import { Failure, type Violation } from '#mesh/errors.ts'
import { isNetwork } from '#mesh/network.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { importedKey, mintKey } from './mint.ts'
import { excesses, filterViolations, type RowFilter, scopeViolations, unboundSql } from './narrow.ts'
import { personalFilters } from './personal-filters.ts'
import { type Plan, planOf, planViolations, slower } from './plan.ts'
import { insertKey, type KeyRow } from './store.ts'

export interface NewKey {
  readonly name: string
  readonly scopes: readonly string[]
  readonly plan: Plan | undefined
  readonly params: Readonly<Record<string, string>>
  readonly filters: readonly RowFilter[]
  readonly expiresAt: Date | undefined
  readonly subject: string
  /** A JSON object, or empty. */
  readonly meta: string
  readonly addresses: readonly string[]
  readonly origins: readonly string[]
  /** Of a key that was made elsewhere; empty for one to be made. */
  readonly hash: string
}

/** Makes a key. Its text is in this answer and nowhere else. */
export async function createKey(
  deps: Deps,
  ctx: Context,
  input: NewKey,
): Promise<{ readonly row: KeyRow; readonly text: string }> {
  authorise(ctx, 'keys:admin')
  const errors = [
    ...violations(input, deps.now()),
    ...excesses(input, ctx.actor),
    ...(await personalFilters(deps.db, ctx.actor, input.filters)),
  ]
  if (errors.length > 0) {
    throw new Failure('request.invalid', 'The key cannot be made as described.', { errors })
  }
  const { text, row } = input.hash === '' ? mintKey(deps.now()) : importedKey(deps.now(), input.hash)
  const values = {
    ...row,
    workspace: ctx.actor.workspace,
    name: input.name,
    scopes: [...input.scopes],
    plan: input.plan ?? slower(deps.defaultPlan, ctx.actor.plan && planOf(ctx.actor.plan)),
    params: { ...input.params },
    filters: input.filters.map((filter) => ({ ...filter, values: [...filter.values] })),
    subject: input.subject,
    meta: metaOf(input.meta) ?? {},
    addresses: [...input.addresses],
    origins: [...input.origins],
    createdBy: ctx.actor.id,
    expiresAt: input.expiresAt ?? null,
  }
  const stored = await deps.db.transaction(async (tx) => {
    const made = await insertKey(tx, values)
    if (made === undefined) {
      throw new Failure('resource.exists', 'There is a key of this hash already.', {
        errors: [{ pointer: '/hash', reason: 'is that of another key' }],
      })
    }
    const { name, scopes, expiresAt } = made
    const detail = {
      name,
      scopes,
      plan: made.plan.name,
      // Values of parameters and filters say whose the key is: not here.
      params: Object.keys(made.params),
      filters: made.filters.map(({ stream, column }) => `${stream}.${column}`),
      ...(expiresAt !== null && { expires_at: expiresAt.toISOString() }),
    }
    await record(tx, ctx, { action: 'create_key', resource: `key/${made.id}`, detail })
    return made
  })
  return { row: stored, text }
}

const maxMetaLength = 4_096

/** What is wrong with the key by itself. */
function violations(input: NewKey, now: number): Violation[] {
  const errors: Violation[] = []
  if (input.name.length < 1 || input.name.length > 100) {
    errors.push({ pointer: '/name', reason: 'must be 1 to 100 characters' })
  }
  if (input.scopes.length < 1 || input.scopes.length > 100) {
    errors.push({ pointer: '/scopes', reason: 'must be 1 to 100 scopes; `edgewise scopes` lists them' })
  }
  errors.push(...scopeViolations(input.scopes))
  if (Object.keys(input.params).length > 100) errors.push({ pointer: '/params', reason: 'must be at most 100' })
  errors.push(...filterViolations(input.filters))
  errors.push(...unboundSql(input))
  if (input.subject.length > 200) errors.push({ pointer: '/subject', reason: 'must be at most 200 characters' })
  if (metaOf(input.meta) === undefined) {
    errors.push({ pointer: '/meta', reason: `must be a JSON object of at most ${maxMetaLength} characters` })
  }
  for (const [i, address] of input.addresses.entries()) {
    if (isNetwork(address)) continue
    errors.push({ pointer: `/addresses/${i}`, reason: 'must be an address or a network, as 192.0.2.0/24' })
  }
  for (const [i, origin] of input.origins.entries()) {
    if (URL.canParse(origin) && new URL(origin).origin === origin) continue
    errors.push({ pointer: `/origins/${i}`, reason: 'must be an origin, as https://app.example.com' })
  }
  if (input.addresses.length > 100) errors.push({ pointer: '/addresses', reason: 'must be at most 100' })
  if (input.origins.length > 100) errors.push({ pointer: '/origins', reason: 'must be at most 100' })
  if (input.hash !== '' && !/^[\da-f]{64}$/.test(input.hash)) {
    errors.push({ pointer: '/hash', reason: 'must be the SHA-256 of the key, as 64 hexadecimal digits' })
  }
  if (input.expiresAt !== undefined && input.expiresAt.getTime() <= now) {
    errors.push({ pointer: '/expires_at', reason: 'must be in the future' })
  }
  if (input.plan !== undefined) errors.push(...planViolations(input.plan))
  return errors
}

/** Undefined where it is not one. */
function metaOf(text: string): JsonObject | undefined {
  if (text === '') return {}
  if (text.length > maxMetaLength) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
