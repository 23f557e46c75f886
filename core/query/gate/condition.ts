import { Failure, type Violation } from '#mesh/errors.ts'
import type { Context } from '../../context.ts'
import { checkSql, refuseText, type Statement } from './gate.ts'
import { type Token, tokensOf } from './lexer.ts'
import { print, type GateDeps } from './parser.ts'
import { notAllowed } from './refusals.ts'

/**
 * Decides whether a text may run as a condition on the rows of a stream. The statement answers the places of the rows
 * that it holds for, each once.
 *
 * The text is printed twice. First it stands bare at the end of a SELECT, so its parentheses are balanced in what the
 * engine prints; that then stands in parentheses, where nothing but an expression can: no GROUP BY, no UNION, no LIMIT.
 */
export async function checkCondition(deps: GateDeps, ctx: Context, stream: string, where: string): Promise<Statement> {
  refuseText(where, deps.limits)
  const select = `SELECT DISTINCT _partition, _offset FROM \`${stream}\` WHERE`
  const printed = await print(deps, ctx, `${select}\n${where}`).catch((thrown: unknown) => {
    throw inCondition(thrown)
  })
  const tokens = tokensOf(printed)
  const word = tokens?.[head.length + 1]
  if (tokens === undefined || word === undefined || !beginsAs(tokens, stream)) throw notAllowed(unclear)
  refuseHiding(tokens)
  const condition = printed.slice(word.end)
  return checkSql(deps, ctx, `${select} (${condition})`).catch((thrown: unknown) => {
    if (!(thrown instanceof Failure) || thrown.problem !== 'query.syntax') throw thrown
    throw notAllowed('Only what may stand after WHERE is a condition: no GROUP BY, ORDER BY, LIMIT, UNION or SETTINGS.')
  })
}

const unclear = 'This condition cannot be checked: write it more plainly.'
const head = ['SELECT', 'DISTINCT', '_partition', ',', '_offset', 'FROM']

function beginsAs(tokens: readonly Token[], stream: string): boolean {
  const expected = [...head, stream, 'WHERE']
  return expected.every((text, at) => tokens[at]?.value === text)
}

/** An alias is seen in the whole SELECT, where it would stand for the place of a row. */
function refuseHiding(tokens: readonly Token[]): void {
  for (const [at, { kind, text }] of tokens.entries()) {
    const next = tokens[at + 1]?.value
    if (kind === 'word' && text === 'AS' && (next === '_partition' || next === '_offset'))
      throw notAllowed(`\`${next}\` cannot be an alias here.`)
  }
}

/** The condition begins on the second line of what was parsed. */
function inCondition(thrown: unknown): unknown {
  if (!(thrown instanceof Failure) || thrown.problem !== 'query.syntax') return thrown
  const errors = thrown.errors.map(({ line, ...place }): Violation => {
    return line === undefined ? { pointer: 'where', ...place } : { ...place, line: Math.max(1, line - 1) }
  })
  return new Failure('query.syntax', thrown.message, { hint: thrown.hint, errors, cause: thrown.cause })
}
