import { Failure } from '#mesh/errors.ts'
import type { Context } from '../../context.ts'
import { type Warehouse, WarehouseError } from '../../storage/warehouse.ts'
import { syntaxFailure } from '../errors.ts'
import type { QueryLimits } from '../limits.ts'
import { treeOf, type Node } from './ast.ts'
import { explainOf } from './explain.ts'
import { judge, notAllowed, type Reads } from './judge.ts'
import { tokensOf, type Token } from './lexer.ts'
import { commonTablesOf } from './names.ts'
import { emptyScope } from './scope.ts'
import { parameterType, type ParameterType } from './types.ts'

/** A statement that may run, as the engine itself prints it: what was judged is, to the letter, what runs. */
export interface Statement {
  /** One SELECT without output clauses. */
  readonly sql: string
  /** `EXPLAIN …`, for what stands before the SELECT. */
  readonly explain: Explain | undefined
  /** The name after a trailing FORMAT. */
  readonly format: string | undefined
  /** In the order in which the text has them, each once. */
  readonly parameters: readonly StatementParameter[]
  readonly places: readonly ParameterPlace[]
  readonly reads: Reads
  /** Its conditions may be evaluated on rows before row filters are. */
  readonly prewhere: boolean
}

export interface Explain {
  readonly prefix: string
  /** Shows nothing but the text: no plan, no counts, no filters. */
  readonly textOnly: boolean
}

export interface StatementParameter {
  readonly name: string
  readonly type: ParameterType
}

/** Where a parameter stands in `sql`. */
export interface ParameterPlace extends StatementParameter {
  readonly start: number
  readonly end: number
}

export interface GateDeps {
  readonly warehouse: Warehouse
  readonly limits: QueryLimits
}

/**
 * Decides whether a text may run in a workspace. Nothing of it runs here: the engine prints it back, then shows the
 * syntax tree of what it printed, and the tree is judged by what is allowed. Failures say what is not.
 */
export async function checkSql(deps: GateDeps, ctx: Context, sql: string): Promise<Statement> {
  const { limits } = deps
  if (Buffer.byteLength(sql) > limits.maxSqlBytes) throw tooLong(limits)
  if (sql.includes('\0')) throw syntaxFailure('A NUL character is not allowed.', sql, sql.indexOf('\0'))
  const printed = await print(deps, ctx, sql)
  const tokens = tokensOf(printed)
  if (tokens === undefined) throw notAllowed('This text cannot be checked: write it more plainly.')
  refuseOddNames(tokens)
  const { explain, format, start, end, inner } = explainOf(printed, tokens)
  const body = printed.slice(start, end)
  const tree = await showTree(deps, ctx, body)
  const tables = commonTablesOf(inner, tree)
  if (tables === undefined) throw notAllowed('The names in WITH cannot be told apart: write them more plainly.')
  if (tables.all.size > limits.maxCommonTables) {
    throw notAllowed(`A query can have ${limits.maxCommonTables} common table expressions (WITH) at most.`)
  }
  const reads: Reads = { streams: new Set(), declared: new Set(), ambiguous: new Set() }
  judge({ workspace: ctx.actor.workspace, tables, reads }, tree, emptyScope)
  const places = inner.filter((token) => token.kind === 'parameter').map((token) => placeOf(token, start))
  return {
    sql: body,
    explain,
    format,
    parameters: parametersOf(places, limits),
    places,
    reads,
    prewhere: inner.some((token) => token.kind === 'word' && token.text === 'PREWHERE'),
  }
}

/** The one statement of the text as the engine prints it: on one line, without comments, names quoted where odd. */
async function print({ warehouse, limits }: GateDeps, ctx: Context, sql: string): Promise<string> {
  try {
    const [row] = await warehouse.rows<{ readonly printed: string; readonly again: string }>({
      sql: `SELECT formatQuerySingleLine(${literal(sql)}) AS printed, formatQuerySingleLine(printed) AS again`,
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
async function showTree({ warehouse, limits }: GateDeps, ctx: Context, body: string): Promise<Node> {
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

/** Names stand unescaped in the tree's text: none may look like a part of it. */
function refuseOddNames(tokens: readonly Token[]): void {
  for (const token of tokens) {
    if (token.kind !== 'name') continue
    if (/\p{Cc}|\p{Zl}|\p{Zp}|\((?:alias|children) /u.test(token.value)) {
      throw notAllowed('A name has characters that are not allowed: a line break, or "(alias" or "(children".')
    }
  }
}

function placeOf(token: Token, offset: number): ParameterPlace {
  const text = token.text.slice(token.value.length + 2, -1)
  const type = parameterType(text)
  // Judged already, by the tree.
  if (type === undefined) throw notAllowed(`The parameter \`${token.value}\` cannot have this type.`)
  return { name: token.value, type, start: token.start - offset, end: token.end - offset }
}

function parametersOf(places: readonly ParameterPlace[], limits: QueryLimits): readonly StatementParameter[] {
  const parameters = new Map<string, StatementParameter>()
  for (const { name, type } of places) {
    const known = parameters.get(name)
    if (known !== undefined && known.type.text !== type.text) {
      throw new Failure(
        'query.parameter',
        `The parameter \`${name}\` has two types: ${known.type.text} and ${type.text}.`,
        {
          hint: 'Give it the same type everywhere.',
          errors: [{ pointer: name, reason: 'has two types' }],
        },
      )
    }
    parameters.set(name, { name, type })
  }
  if (parameters.size > limits.maxParameters) {
    throw new Failure('query.not_allowed', `A query can have ${limits.maxParameters} parameters at most.`)
  }
  return [...parameters.values()]
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

function tooLong(limits: QueryLimits): Failure {
  return new Failure('request.too_large', `SQL can be ${limits.maxSqlBytes} bytes long at most.`, {
    hint: 'Shorten it; pass long lists as parameters.',
    errors: [{ pointer: '/query', reason: 'too long' }],
  })
}

/** A text for the engine: a backslash and a quote are all that is special in it. */
function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
