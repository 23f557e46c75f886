import { Failure } from '#mesh/errors.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Statement } from './gate/gate.ts'
import { quoteText } from '../storage/quote.ts'
import { unknownTable } from './gate/refusals.ts'

export function isFiltered(actor: Actor): boolean {
  return actor.filters.length > 0
}

/**
 * The settings that hold an actor to its rows, or none for one without filters. Fails where the statement reads a stream
 * that does not exist for the actor, in the words for a stream that does not exist at all.
 */
export function filterSettings(actor: Actor, statement: Statement): Readonly<Record<string, string | number>> {
  if (!isFiltered(actor)) return {}
  const conditions = conditionsOf(actor)
  const { streams, declared, ambiguous } = statement.reads
  for (const stream of streams) {
    if (!conditions.has(stream)) throw unknownTable(stream, [...conditions.keys()])
  }
  for (const name of ambiguous) {
    throw new Failure(
      'query.not_allowed',
      `\`${name}\` is a name of this query's own, used where it could also mean a stream.`,
      {
        hint: 'Give the common table expression another name.',
      },
    )
  }
  if (statement.prewhere) {
    throw new Failure('query.not_allowed', 'PREWHERE is not allowed with this credential.', {
      hint: 'Write WHERE: it means the same.',
    })
  }
  if (statement.explain !== undefined && !statement.explain.textOnly) {
    throw new Failure('query.not_allowed', 'This EXPLAIN is not allowed with this credential.', {
      hint: 'Use EXPLAIN AST or EXPLAIN SYNTAX.',
    })
  }
  // Should the engine take a name of the query's own for a stream after all, it finds no rows there.
  for (const name of declared) if (!conditions.has(name)) conditions.set(name, '0')
  const entries = [...conditions].map(
    ([stream, condition]) => `${quoteText(`${actor.workspace}.${stream}`)}:${quoteText(condition)}`,
  )
  return { ...filterFirst, additional_table_filters: `{${entries.join(',')}}` }
}

/**
 * The filter is evaluated before anything of the query's own, and on its own: otherwise a condition that fails on a
 * value (`toInt32(name)`) would fail on rows that the actor may not see, and tell of them.
 */
const filterFirst = {
  optimize_move_to_prewhere: 0,
  optimize_move_to_prewhere_if_final: 0,
  query_plan_optimize_prewhere: 0,
  query_plan_merge_filters: 0,
  enable_join_runtime_filters: 0,
  optimize_use_implicit_projections: 0,
  optimize_use_projections: 0,
  optimize_trivial_count_query: 0,
  // How much was read counts what the filter then took away.
  output_format_write_statistics: 0,
} as const

function conditionsOf(actor: Actor): Map<string, string> {
  const conditions = new Map<string, string>()
  for (const { stream, column, values } of actor.filters) {
    const name = `\`${column.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
    // Each value becomes the column's type, so that an index can be used; one that cannot be matches no row.
    const type = `replaceRegexpOne(toTypeName(${name}),${quoteText('^LowCardinality\\((.*)\\)$')},${quoteText('\\1')})`
    const list = values.map((value) => `accurateCastOrNull(${quoteText(value)},${type})`)
    const condition = list.length === 0 ? '0' : `${name} IN (${list.join(',')})`
    const before = conditions.get(stream)
    conditions.set(stream, before === undefined ? condition : `(${before}) AND (${condition})`)
  }
  return conditions
}
