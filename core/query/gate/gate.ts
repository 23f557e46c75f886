import { Failure } from '#mesh/errors.ts'
import { authorise, type Context } from '../../context.ts'
import { syntaxFailure } from '../messages.ts'
import type { QueryLimits } from '../limits.ts'
import type { Node } from './ast.ts'
import { explainOf } from './explain.ts'
import { aliasesOf, judge, type Reads } from './judge.ts'
import { tokensOf, type Token } from './lexer.ts'
import { commonTablesOf } from './names.ts'
import { print, showTree, type GateDeps } from './parser.ts'
import { notAllowed } from './refusals.ts'
import { emptyScope } from './scope.ts'
import { withServed } from './served.ts'
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

/**
 * Decides whether a text may run in a workspace. Nothing of it runs here: the engine prints it back, then shows the
 * syntax tree of what it printed, and the tree is judged by what is allowed. Failures say what is not.
 */
export async function checkSql(deps: GateDeps, ctx: Context, sql: string): Promise<Statement> {
  const { limits } = deps
  refuseText(sql, limits)
  const printed = await withServed(deps, ctx, await meant(deps, ctx, await print(deps, ctx, sql)))
  const tokens = tokensOf(printed)
  if (tokens === undefined) throw notAllowed('This text cannot be checked: write it more plainly.')
  refuseOddNames(tokens)
  const { explain, format, start, end, inner } = explainOf(printed, tokens)
  const body = printed.slice(start, end)
  refuseCopies(body, inner, limits)
  const tree = await showTree(deps, ctx, body)
  if (partsOf(tree) > limits.maxParts) throw tooManyParts(limits)
  const tables = commonTablesOf(inner, tree)
  if (tables === undefined) throw notAllowed('The names in WITH cannot be told apart: write them more plainly.')
  if (tables.names.size > limits.maxCommonTables) {
    throw notAllowed(`A query can have ${limits.maxCommonTables} common table expressions (WITH) at most.`)
  }
  const reads: Reads = {
    streams: new Set(),
    declared: new Set(),
    ambiguous: new Set(),
    qualified: new Set(),
    columns: new Set(),
    tested: new Set(),
  }
  judge({ workspace: ctx.actor.workspace, tables, aliases: aliasesOf(tree), reads }, tree, emptyScope)
  if (reads.streams.has('_audit')) authorise(ctx, 'audit:read')
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

async function meant(deps: GateDeps, ctx: Context, printed: string): Promise<string> {
  const text = (await deps.rewrite?.(printed)) ?? printed
  return text === printed ? printed : print(deps, ctx, text)
}

/** What the engine's parser is never given. */
export function refuseText(sql: string, limits: QueryLimits): void {
  if (Buffer.byteLength(sql) > limits.maxSqlBytes) throw tooLong(limits)
  if (sql.includes('\0')) throw syntaxFailure('A NUL character is not allowed.', sql, sql.indexOf('\0'))
}

/** SELECTs and tables: each is a part of a pipeline, whatever it reads. */
function partsOf(node: Node): number {
  const own = node.kind === 'SelectQuery' || node.kind === 'TableExpression' ? 1 : 0
  return node.children.reduce((sum, child) => sum + partsOf(child), own)
}

function tooManyParts(limits: QueryLimits): Failure {
  return new Failure('query.too_expensive', `It has more than ${limits.maxParts} SELECTs and tables.`)
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

/** The engine gives each SELECT of a union a copy of the first one's WITH: short texts can become very large ones. */
function refuseCopies(body: string, tokens: readonly Token[], limits: QueryLimits): void {
  const isWord = (token: Token, ...words: string[]): boolean => token.kind === 'word' && words.includes(token.text)
  if (!tokens.some((token) => isWord(token, 'WITH'))) return
  const unions = tokens.filter((token) => isWord(token, 'UNION', 'INTERSECT', 'EXCEPT')).length
  if (unions * body.length <= limits.maxCopiedLength) return
  throw new Failure('query.too_expensive', 'It has too many SELECTs in a union for the length of its WITH.', {
    hint: 'Read from a subquery instead of repeating the SELECT.',
  })
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
    // Values travel in objects by name, and this is the one name that an object would lose.
    if (name === '__proto__') throw new Failure('query.parameter', 'A parameter cannot be called `__proto__`.')
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

function tooLong(limits: QueryLimits): Failure {
  return new Failure('request.too_large', `SQL can be ${limits.maxSqlBytes} bytes long at most.`, {
    hint: 'Shorten it; pass long lists as parameters.',
    errors: [{ pointer: '/query', reason: 'too long' }],
  })
}
