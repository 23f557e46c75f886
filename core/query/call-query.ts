import { Failure } from '#mesh/errors.ts'
import type { Format } from '#proto/edgewise/query/v1/query_pb.ts'
import { authorise, type Context } from '../context.ts'
import { execute, type ExecuteDeps, type Piece } from './execute.ts'
import { formatOf } from './formats.ts'
import { noQuery } from './describe-query.ts'
import { bindParameters } from './params.ts'
import type { Published } from './published.ts'
import { findQuery } from './store.ts'

export interface CallQueryDeps extends ExecuteDeps {
  readonly published: Published
}

export interface CallQueryInput {
  readonly name: string
  readonly version: number
  readonly params: Readonly<Record<string, string>>
  readonly format: Format
  readonly timezone: string
  readonly int64AsString: boolean
}

/** Runs a published query for the caller: with the caller's row filters, and the parameters that are bound to it. */
export async function* callQuery(deps: CallQueryDeps, ctx: Context, input: CallQueryInput): AsyncGenerator<Piece> {
  authorise(ctx, 'endpoints:read', input.name)
  const query = await findQuery(deps.db, ctx.actor.workspace, input.name, input.version)
  if (query === undefined) throw noQuery(input.name, input.version)
  const statement = await deps.published.statementOf(ctx, query)
  const rules = new Map(query.definition.parameters.map((rule) => [rule.name, rule]))
  yield* execute(deps, ctx, {
    statement,
    bound: bindParameters(statement, rules, withBound(ctx, rules, input.params), deps.limits),
    format: formatOf(statement.format, input.format),
    options: input,
    name: query.name,
    version: query.version,
    sql: query.definition.sql,
  })
}

/** What the caller gave, and what its credential binds, which the caller cannot give. */
function withBound(
  ctx: Context,
  rules: ReadonlyMap<string, unknown>,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const bound = ctx.actor.params
  const taken = Object.keys(given).find((name) => Object.hasOwn(bound, name))
  if (taken !== undefined) {
    throw new Failure('auth.bound_parameter', `The parameter \`${taken}\` is bound by the key.`, {
      errors: [{ pointer: taken, reason: 'bound by the key' }],
    })
  }
  // A query that does not take it would answer with what the binding is to keep from this caller.
  const untaken = Object.keys(bound).find((name) => !rules.has(name))
  if (untaken !== undefined) {
    throw new Failure(
      'auth.bound_parameter',
      `The key binds the parameter \`${untaken}\`, which the query does not take.`,
      {
        hint: 'Call a query that takes it, or use a key that does not bind it.',
        errors: [{ pointer: untaken, reason: 'bound by the key, but not a parameter of the query' }],
      },
    )
  }
  return { ...given, ...bound }
}
