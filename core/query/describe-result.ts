import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { ControlDb } from '../storage/control.ts'
import { type Warehouse, WarehouseError } from '../storage/warehouse.ts'
import { queryFailure } from './errors.ts'
import { filterSettings, isFiltered } from './filters.ts'
import type { Statement } from './gate/gate.ts'
import type { ParameterType } from './gate/types.ts'
import type { QueryLimits } from './limits.ts'
import { databaseOf } from './masks.ts'
import { bindParameters, type ParameterRule } from './params.ts'
import type { QueryColumn } from './schema.ts'
import { suggestStream } from './suggest-stream.ts'
import { querySettings } from './settings.ts'

interface Deps {
  readonly db: ControlDb
  readonly warehouse: Warehouse
  readonly limits: QueryLimits
}

/**
 * The columns that a statement answers, by the engine, without running it. It is asked twice: with a value for each
 * parameter, and with the optional ones absent, because a query that cannot do without one must say so when it is
 * published.
 */
export async function describeResult(
  deps: Deps,
  ctx: Context,
  sql: string,
  statement: Statement,
  rules: readonly ParameterRule[],
): Promise<readonly QueryColumn[]> {
  const columns = await describe(deps, ctx, sql, statement, rules, valuesOf(statement, rules, false))
  const optional = rules.filter((rule) => !rule.required && rule.default === undefined)
  if (optional.length === 0) return columns
  try {
    await describe(deps, ctx, sql, statement, rules, valuesOf(statement, rules, true))
  } catch (thrown) {
    if (!(thrown instanceof Failure) || !(thrown.cause instanceof WarehouseError)) throw thrown
    const names = optional.map(({ name }) => `\`${name}\``).join(', ')
    throw new Failure('query.parameter', `Without a value for ${names} the query fails: ${thrown.message}`, {
      hint: 'An optional parameter that is absent is NULL. Give it a default, or make it required.',
      errors: optional.map(({ name }) => ({ pointer: name, reason: 'needs a default, or to be required' })),
      cause: thrown,
    })
  }
  return columns
}

async function describe(
  { db, warehouse, limits }: Deps,
  ctx: Context,
  sql: string,
  statement: Statement,
  rules: readonly ParameterRule[],
  values: Readonly<Record<string, string>>,
): Promise<readonly QueryColumn[]> {
  const bound = bindParameters(
    statement,
    new Map(rules.map((rule) => [rule.name, { ...rule, enum: [] }])),
    values,
    limits,
  )
  const filters = filterSettings(ctx.actor, statement)
  const database = await databaseOf(db, ctx, statement)
  try {
    const rows = await warehouse.rows<QueryColumn>({
      sql: `DESCRIBE TABLE (${bound.sql})`,
      database,
      params: bound.params,
      settings: { ...querySettings(limits, ctx.deadline, { timezone: '', int64AsString: false }), ...filters },
      deadline: ctx.deadline,
      signal: ctx.signal,
    })
    return rows.map(({ name, type }) => ({ name, type }))
  } catch (thrown) {
    const failed = {
      workspace: ctx.actor.workspace,
      sql,
      filtered: isFiltered(ctx.actor),
      signal: ctx.signal,
      tested: statement.reads.tested,
    }
    throw await suggestStream(warehouse, ctx, queryFailure(thrown, failed))
  }
}

/** A value for each parameter that must have one, or for each that can. */
function valuesOf(
  statement: Statement,
  rules: readonly ParameterRule[],
  leastOnly: boolean,
): Readonly<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const [at, { name, type }] of statement.parameters.entries()) {
    const rule = rules[at]
    if (rule?.default !== undefined || (leastOnly && rule?.required !== true)) continue
    values[name] = rule?.enum[0] ?? exampleOf(type)
  }
  return values
}

function exampleOf({ value, array }: ParameterType): string {
  if (array) return '[]'
  if (value.startsWith('Enum')) return /'([^']*)'/.exec(value)?.[1] ?? ''
  if (value === 'UUID') return '00000000-0000-0000-0000-000000000000'
  if (value === 'IPv4') return '127.0.0.1'
  if (value === 'IPv6') return '::1'
  if (value === 'String' || value.startsWith('FixedString')) return 'a'
  return value.startsWith('Date') ? '2026-01-01' : '1'
}
