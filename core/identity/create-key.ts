import { Failure, type Violation } from '#mesh/errors.ts'
import { allows, isScope, type Scope } from '#mesh/scopes.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import { authorise, type Context } from '../context.ts'
import type { Deps, Plan } from './deps.ts'
import { mintKey } from './mint.ts'
import { insertKey, type KeyRow } from './store.ts'

export interface NewKey {
  readonly name: string
  readonly scopes: readonly string[]
  readonly plan: Plan | undefined
  readonly params: Readonly<Record<string, string>>
  readonly filters: readonly { readonly stream: string; readonly column: string; readonly values: readonly string[] }[]
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
  const stored = await insertKey(deps.db, {
    ...row,
    workspace: ctx.actor.workspace,
    name: input.name,
    scopes: [...input.scopes],
    plan: input.plan ?? slower(deps.defaultPlan, ctx.actor.plan),
    params: { ...input.params },
    filters: input.filters.map((filter) => ({ ...filter, values: [...filter.values] })),
    createdBy: ctx.actor.id,
    expiresAt: input.expiresAt ?? null,
  })
  return { row: stored, text }
}

/** With these a key has SQL of its own run: at once, or published and then called. */
const ownSql: readonly Scope[] = ['sql:read', 'queries:write']

const nameShape = /^_?[a-z][a-z0-9_]{0,47}$/

/** What is wrong with the key by itself. */
function violations(input: NewKey, now: number): Violation[] {
  const errors: Violation[] = []
  if (input.name.length < 1 || input.name.length > 100) {
    errors.push({ pointer: '/name', reason: 'must be 1 to 100 characters' })
  }
  if (input.scopes.length < 1 || input.scopes.length > 100) {
    errors.push({ pointer: '/scopes', reason: 'must be 1 to 100 scopes; `edgewise scopes` lists them' })
  }
  for (const [i, scope] of input.scopes.entries()) {
    if (!isScope(scope)) {
      errors.push({ pointer: `/scopes/${i}`, reason: `\`${scope}\` is not a scope; \`edgewise scopes\` lists them` })
    }
  }
  if (Object.keys(input.params).length > 100) errors.push({ pointer: '/params', reason: 'must be at most 100' })
  const streams = new Set<string>()
  for (const [i, filter] of input.filters.entries()) {
    const at = `/filters/${filter.stream || i}`
    if (!nameShape.test(filter.stream)) errors.push({ pointer: at, reason: 'is not the name of a stream' })
    if (streams.has(filter.stream)) errors.push({ pointer: at, reason: 'a stream has at most one filter' })
    streams.add(filter.stream)
    if (filter.column === '' || filter.column.length > 200) {
      errors.push({ pointer: `${at}/column`, reason: 'must name a column' })
    }
    if (filter.values.length < 1 || filter.values.length > 1_000) {
      errors.push({ pointer: `${at}/values`, reason: 'must be 1 to 1,000 values' })
    }
  }
  if (Object.keys(input.params).length > 0 && input.filters.length === 0) {
    for (const scope of ownSql.filter((scope) => allows(input.scopes, scope))) {
      errors.push({
        pointer: '/scopes',
        reason: `a key with params and no filters cannot hold ${scope}: SQL of its own would not be bound by them`,
      })
    }
  }
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

/** In the long run, or at once: many requests of a long window may all come in its first second. */
function isFaster(asked: Plan, own: Plan): boolean {
  if (asked.requests === 0) return own.requests > 0
  if (own.requests === 0) return false
  return asked.requests > own.requests || asked.requests / asked.windowSeconds > own.requests / own.windowSeconds
}

/** The plan of a key for which none is asked: the usual one, unless its maker's own is slower. */
function slower(usual: Plan, own: Plan | undefined): Plan {
  return own !== undefined && isFaster(usual, own)
    ? { name: own.name, requests: own.requests, windowSeconds: own.windowSeconds }
    : usual
}

/** Where the key would be able to do more than its maker. */
function excesses(input: NewKey, maker: Actor): Violation[] {
  const errors: Violation[] = []
  for (const [i, scope] of input.scopes.entries()) {
    const [resource, verb, name] = scope.split(':')
    if (!allows(maker.scopes, `${resource}:${verb}` as Scope, name === '*' ? undefined : name)) {
      errors.push({ pointer: `/scopes/${i}`, reason: `you do not hold ${scope} yourself` })
    }
  }
  for (const [name, value] of Object.entries(maker.params)) {
    if (input.params[name] !== value) {
      errors.push({ pointer: `/params/${name}`, reason: 'must be bound as it is for you' })
    }
  }
  if (maker.filters.length > 0) {
    if (input.filters.length === 0)
      errors.push({ pointer: '/filters', reason: 'you see filtered rows only, so must it' })
    for (const filter of input.filters) {
      const own = maker.filters.find((held) => held.stream === filter.stream && held.column === filter.column)
      if (own === undefined || !filter.values.every((value) => own.values.includes(value))) {
        errors.push({ pointer: `/filters/${filter.stream}`, reason: 'reaches beyond the rows that you see' })
      }
    }
  }
  const makerExpiry = maker.expiresAt === undefined ? Infinity : timestampMs(maker.expiresAt)
  if ((input.expiresAt?.getTime() ?? Infinity) > makerExpiry) {
    errors.push({ pointer: '/expires_at', reason: 'must not be later than your own' })
  }
  const own = maker.plan
  if (own !== undefined && own.requests > 0 && input.plan !== undefined) {
    if (isFaster(input.plan, own)) {
      errors.push({ pointer: '/plan/requests', reason: 'must not be faster than your own plan' })
    }
  }
  return errors
}
