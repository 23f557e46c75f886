import { tokenAt, type Token } from './lexer.ts'
import { isWord } from './reader.ts'

/** A model's name where a table certainly stands. */
export interface Mention {
  readonly token: Token
  /** After JOIN, not after FROM. */
  readonly joined: boolean
  /** In how many parentheses. */
  readonly depth: number
}

/**
 * Finds models after FROM and JOIN. What is not certain (a name that WITH declares, `FROM` in a function's arguments, a
 * text that cannot be read) is left to the warehouse's gate: nothing here decides whether something may be read.
 */
export function mentionsOf(sql: string, isModel: (name: string) => boolean): readonly Mention[] {
  const mentions: Mention[] = []
  const declared = new Set<string>()
  /** Whether a SELECT stands in each of the parentheses that are open. */
  const selects = [true]
  let last: readonly Token[] = []
  for (;;) {
    const [before, second, third] = last
    const token = tokenAt(sql, before?.end ?? 0, before)
    if (token.kind === 'wrong') return []
    if (token.kind === 'end') return mentions.filter(({ token }) => !declared.has(token.value))
    if (begins(token, before)) selects.splice(-1, 1, true)
    if (isSign(token, '(')) {
      // A name with arguments is a table function's.
      if (before !== undefined && before.start === mentions.at(-1)?.token.start) mentions.pop()
      const name = before !== undefined && isWord(before, 'AS') ? second : before
      if (name !== undefined && declares(name === second ? third : second)) declared.add(name.value)
      selects.push(false)
    } else if (isSign(token, ')') && selects.length > 1) selects.pop()
    // `FROM main.churn` is a table of a database called so; `FROM churn.3` is a version.
    if (
      before !== undefined &&
      isSign(before, '.') &&
      token.kind !== 'number' &&
      second?.start === mentions.at(-1)?.token.start
    )
      mentions.pop()
    const joined = before !== undefined && isWord(before, 'JOIN') && !(second !== undefined && isWord(second, 'ARRAY'))
    const named = token.kind === 'word' || token.kind === 'name'
    if (
      named &&
      (joined || (before !== undefined && isWord(before, 'FROM'))) &&
      selects.at(-1) === true &&
      isModel(token.value)
    )
      mentions.push({ token, joined, depth: selects.length - 1 })
    last = [token, ...last.slice(0, 2)]
  }
}

/** A SELECT begins, or a `FROM t SELECT …`. */
function begins(token: Token, before: Token | undefined): boolean {
  if (isWord(token, 'SELECT') || isWord(token, 'WITH')) return true
  return isWord(token, 'FROM') && (before === undefined || isSign(before, '('))
}

/** What a common table expression's name stands after. */
function declares(token: Token | undefined): boolean {
  return token !== undefined && (isWord(token, 'WITH') || isWord(token, 'RECURSIVE') || isSign(token, ','))
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === 'sign' && token.text === sign
}
