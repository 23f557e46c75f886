import { Failure, type Violation } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps, Plan } from './deps.ts'
import { mintKey } from './mint.ts'
import { excesses, filterViolations, isFaster, type RowFilter, scopeViolations, unboundSql } from './narrow.ts'
import { insertKey, type KeyRow } from './store.ts'

export interface NewKey {
  readonly name: string
  readonly scopes: readonly string[]
  readonly plan: Plan | undefined
  readonly params: Readonly<Record<string, string>>
  readonly filters: readonly RowFilter[]
  readonly expiresAt: Date | undefined
}

/** Makes a key. Its text is in this answer and nowhere else. */
export async function createKey(
  deps: Deps,
  ctx: Context,
  input: NewKey,
): Promise<{ readonly row: KeyRow; readonly text: string }> {
  authorise(ctx, 'keys:admin')
  const errors = [...violations(input, deps.now()), ...excesses(input, ctx.actor)]
  if (errors.length > 0) {
    throw new Failure('request.invalid', 'The key cannot be made as described.', { errors })
  }
  const { text, row } = mintKey(deps.now())
  const values = {
    ...row,
    workspace: ctx.actor.workspace,
    name: input.name,
    scopes: [...input.scopes],
    plan: input.plan ?? slower(deps.defaultPlan, ctx.actor.plan),
    params: { ...input.params },
    filters: input.filters.map((filter) => ({ ...filter, values: [...filter.values] })),
    createdBy: ctx.actor.id,
    expiresAt: input.expiresAt ?? null,
  }
  const stored = await deps.db.transaction(async (tx) => {
    const made = await insertKey(tx, values)
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
  if (input.expiresAt !== undefined && input.expiresAt.getTime() <= now) {
    errors.push({ pointer: '/expires_at', reason: 'must be in the future' })
  }
  if (input.plan !== undefined && input.plan.requests > 0 && !inRange(input.plan.windowSeconds, 1, 86_400)) {
    errors.push({ pointer: '/plan/window_s', reason: 'must be 1 to 86,400 seconds' })
  }
  return errors
}

function inRange(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

/** The plan of a key for which none is asked: the usual one, unless its maker's own is slower. */
function slower(usual: Plan, own: Plan | undefined): Plan {
  return own !== undefined && isFaster(usual, own)
    ? { name: own.name, requests: own.requests, windowSeconds: own.windowSeconds }
    : usual
}
