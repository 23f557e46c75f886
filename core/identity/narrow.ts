import { timestampMs } from '@bufbuild/protobuf/wkt'
import type { Violation } from '#mesh/errors.ts'
import { isPartOf } from '#mesh/network.ts'
import { allows, isScope, type Scope } from '#mesh/scopes.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { type Plan, planExcesses, planOf } from './plan.ts'

/** Which rows of a stream exist. */
export interface RowFilter {
  readonly stream: string
  readonly column: string
  readonly values: readonly string[]
}

/** What a new credential is to be able to do. */
export interface Asked {
  readonly addresses?: readonly string[]
  readonly origins?: readonly string[]
  readonly scopes: readonly string[]
  readonly plan: Plan | undefined
  readonly params: Readonly<Record<string, string>>
  readonly filters: readonly RowFilter[]
  readonly expiresAt: Date | undefined
}

/** Who makes it, and so the most that it can be. */
export type Holder = Pick<Actor, 'scopes' | 'params' | 'filters'> & {
  readonly addresses?: readonly string[]
  readonly origins?: readonly string[]
  readonly plan?: Actor['plan'] | undefined
  readonly expiresAt?: Actor['expiresAt'] | undefined
}

const nameShape = /^_?[a-z][a-z0-9_]{0,47}$/

/** What is wrong with scopes by themselves. */
export function scopeViolations(scopes: readonly string[]): Violation[] {
  const errors: Violation[] = []
  for (const [i, scope] of scopes.entries()) {
    if (!isScope(scope)) {
      errors.push({ pointer: `/scopes/${i}`, reason: `\`${scope}\` is not a scope; \`edgewise scopes\` lists them` })
    }
  }
  return errors
}

/** With these a credential has SQL of its own run: at once, or published and then called. */
const ownSql: readonly Scope[] = ['sql:read', 'queries:write']

/** Parameters bind endpoints and not SQL: without filters, whoever writes SQL would not be bound at all. */
export function unboundSql({ params, filters, scopes }: Asked): Violation[] {
  if (Object.keys(params).length === 0 || filters.length > 0) return []
  return ownSql
    .filter((scope) => allows(scopes, scope))
    .map((scope) => ({
      pointer: '/scopes',
      reason: `params and no filters do not go with ${scope}: SQL of its own would not be bound by them`,
    }))
}

/** What is wrong with row filters by themselves. */
export function filterViolations(filters: readonly RowFilter[]): Violation[] {
  const errors: Violation[] = []
  const streams = new Set<string>()
  for (const [i, filter] of filters.entries()) {
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
  return errors
}

/** Where a credential would be able to do more than the actor that it is made by. */
export function excesses(input: Asked, maker: Holder): Violation[] {
  const errors: Violation[] = []
  for (const [i, scope] of input.scopes.entries()) {
    const [resource, verb, name] = scope.split(':')
    // They mean nothing here, and so nobody can have too few of them.
    if (resource === 'app') continue
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
  const { addresses = [], origins = [] } = maker
  if (addresses.length > 0 && !within(input.addresses, (one) => addresses.some((own) => isPartOf(one, own)))) {
    errors.push({ pointer: '/addresses', reason: 'reach beyond the networks that you may come from' })
  }
  if (origins.length > 0 && !within(input.origins, (one) => origins.includes(one))) {
    errors.push({ pointer: '/origins', reason: 'reach beyond the origins that you may come from' })
  }
  const makerExpiry = maker.expiresAt === undefined ? Infinity : timestampMs(maker.expiresAt)
  if ((input.expiresAt?.getTime() ?? Infinity) > makerExpiry) {
    errors.push({ pointer: '/expires_at', reason: 'must not be later than your own' })
  }
  if (maker.plan !== undefined && input.plan !== undefined) errors.push(...planExcesses(input.plan, planOf(maker.plan)))
  return errors
}

/** None at all is no restriction, and so beyond any. */
function within(asked: readonly string[] = [], fits: (one: string) => boolean): boolean {
  return asked.length > 0 && asked.every(fits)
}
