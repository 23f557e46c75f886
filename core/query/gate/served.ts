import type { Context } from '../../context.ts'
import { type Token, tokensOf } from './lexer.ts'
import { print, type GateDeps } from './parser.ts'
import { notAllowed } from './refusals.ts'

/** Each is as long as its model has features. */
const maxServed = 8

/**
 * A printed text with a SELECT in the place of each `served(name)` after FROM or JOIN, as the engine prints it. It is put
 * there before anything is judged, so the gate, filters and masks hold for it as if the caller had written it.
 */
export async function withServed(deps: GateDeps, ctx: Context, printed: string): Promise<string> {
  const { served } = deps
  if (served === undefined || !printed.includes('served(')) return printed
  const tokens = tokensOf(printed) ?? []
  const pieces: string[] = []
  /** Each once, however often the text names it. */
  const tables = new Map<string, string>()
  let from = 0
  for (const [at, token] of tokens.entries()) {
    if (!isTable(tokens, at)) continue
    const [name, close] = tokens.slice(at + 2, at + 4)
    if ((name?.kind !== 'word' && name?.kind !== 'name') || close?.text !== ')') {
      throw notAllowed('served takes the name of one model: FROM served(churn).')
    }
    if (pieces.length === 2 * maxServed) throw notAllowed(`A statement may read served predictions ${maxServed} times.`)
    ctx.signal.throwIfAborted()
    const table = tables.get(name.value) ?? (await served(ctx, name.value))
    tables.set(name.value, table)
    pieces.push(printed.slice(from, token.start), `(${table})`)
    from = close.end
  }
  return from === 0 ? printed : print(deps, ctx, pieces.join('') + printed.slice(from))
}

function isTable(tokens: readonly Token[], at: number): boolean {
  const [before, token, open] = [tokens[at - 1], tokens[at], tokens[at + 1]]
  const isAfter = before?.kind === 'word' && (before.text === 'FROM' || before.text === 'JOIN')
  return isAfter && token?.kind === 'word' && token.text === 'served' && open?.text === '('
}
