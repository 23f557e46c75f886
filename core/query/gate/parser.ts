import { Failure } from '#mesh/errors.ts'
import type { Context } from '../../context.ts'
import { type Warehouse, WarehouseError } from '../../storage/warehouse.ts'
import type { QueryLimits } from '../limits.ts'
import { syntaxFailure } from '../messages.ts'
import { treeOf, type Node } from './ast.ts'
import { notAllowed } from './refusals.ts'
import { quoteText } from '../../storage/quote.ts'

/** The SELECT that `FROM served(name)` stands for: what the model of this name answered. Fails where there is none. */
export type Served = (ctx: Context, model: string) => Promise<string>

export interface GateDeps {
  readonly warehouse: Warehouse
  readonly limits: QueryLimits
  readonly served?: Served | undefined
  /** What a printed text is meant to be; the gate judges what comes of it. */
  readonly rewrite?: (printed: string) => Promise<string>
}

/** The one statement of the text as the engine prints it: on one line, without comments, names quoted where odd. */
export async function print({ warehouse, limits }: GateDeps, ctx: Context, sql: string): Promise<string> {
  try {
    const [row] = await warehouse.rows<{ readonly printed: string; readonly again: string }>({
      sql: `SELECT formatQuerySingleLine(${quoteText(sql)}) AS printed, formatQuerySingleLine(printed) AS again`,
      database: ctx.actor.workspace,
      settings: parserSettings(limits, limits.maxDepth),
      deadline: ctx.deadline,
      signal: ctx.signal,
    })
    if (row === undefined || row.printed !== row.again)
      throw notAllowed('This text cannot be checked: write it more plainly.')
    return row.printed
  } catch (thrown) {
    throw thrown instanceof WarehouseError ? parserFailure(thrown, sql, limits) : thrown
  }
}

/**
 * The syntax tree of one SELECT. Inside `CREATE VIEW … AS SELECT * FROM (…)`, which does not run, parameters stay
 * parameters instead of being replaced; and inside the parentheses no settings reach the EXPLAIN itself, and no output
 * clause can be parsed.
 */
export async function showTree({ warehouse, limits }: GateDeps, ctx: Context, body: string): Promise<Node> {
  const lines = await warehouse
    .rows<{ readonly explain: string }>({
      sql: `EXPLAIN AST CREATE VIEW v AS SELECT * FROM (${body})`,
      database: ctx.actor.workspace,
      settings: parserSettings(limits, 4 * limits.maxDepth + 100),
      deadline: ctx.deadline,
      signal: ctx.signal,
    })
    .catch((thrown: unknown) => {
      if (!(thrown instanceof WarehouseError)) throw thrown
      if (thrown.number === 62) throw notAllowed('Only a SELECT without INTO OUTFILE and without settings is allowed.')
      throw parserFailure(thrown, body, limits)
    })
  const tree = treeOf(lines.map((line) => line.explain).join('\n'))
  const select = tree === undefined ? undefined : insideView(tree)
  if (select === undefined) throw notAllowed('This text cannot be checked: write it more plainly.')
  return select
}

/** What stands in the parentheses, where the tree is exactly what was put around them. */
function insideView(tree: Node): Node | undefined {
  const shape = ['CreateQuery', 'SelectWithUnionQuery', 'ExpressionList', 'SelectQuery', 'TablesInSelectQuery']
  let node: Node | undefined = tree
  for (const kind of [...shape, 'TablesInSelectQueryElement', 'TableExpression', 'Subquery']) {
    const last = kind === 'CreateQuery' || kind === 'SelectQuery' ? 2 : 1
    if (node?.kind !== kind || node.children.length !== last) return undefined
    node = node.children[last - 1]
  }
  return node
}

function parserSettings(limits: QueryLimits, depth: number): Readonly<Record<string, number>> {
  return {
    max_query_size: 8 * limits.maxSqlBytes,
    max_parser_depth: depth,
    max_parser_backtracks: 100_000,
    max_ast_depth: 2 * depth,
    max_ast_elements: limits.maxElements,
    max_execution_time: limits.maxCheckSeconds,
    readonly: 1,
  }
}

/** What the parser says of a text. Whatever is neither a place nor a bound is the text's fault all the same. */
function parserFailure(error: WarehouseError, sql: string, limits: QueryLimits): Failure {
  if (error.number === 62) {
    const position = /failed at position (\d+)/.exec(error.message)
    return syntaxFailure(error.message, sql, undefined, position === null ? undefined : Number(position[1]) - 1)
  }
  const problem = /TOO_|LIMIT|TIMEOUT|BACKTRACK/.test(error.kind) ? 'query.too_expensive' : 'query.failed'
  const detail = `It nests deeper than ${limits.maxDepth} levels, or is too intricate to parse.`
  return new Failure(problem, problem === 'query.failed' ? 'The text cannot be parsed.' : detail, {
    hint: 'Split it into common table expressions (WITH), or simplify it.',
    cause: error,
  })
}
