import type { Token } from '../gate/lexer.ts'
import { unknownTable } from '../gate/refusals.ts'
import { quoteName, quoteText } from '../../storage/quote.ts'
import { catalogueName, isCatalogue } from './catalogue.ts'
import { isName, isOwn, isWord } from './statements.ts'

export interface Said {
  readonly workspace: string
  /** The key's id. */
  readonly user: string
  /** The engine's. */
  readonly version: string
}

/** What clients ask of a server about itself: functions of no arguments, by their names in lower case. */
const constants: Readonly<Record<string, (said: Said) => string>> = {
  version: ({ version }) => version,
  currentdatabase: ({ workspace }) => workspace,
  current_database: ({ workspace }) => workspace,
  database: ({ workspace }) => workspace,
  schema: ({ workspace }) => workspace,
  currentuser: ({ user }) => user,
  user: ({ user }) => user,
  hostname: () => 'edgewise',
  displayname: () => 'edgewise',
  getserverdisplayname: () => 'edgewise',
}

/**
 * A printed text as a client of ClickHouse means it, where the gate would not take it: tables of `system` and
 * `information_schema` get the names that `catalogue.ts` knows them by, what asks the server about itself gets its answer,
 * and names lose a database that is the only one. It comes before anything is judged, so it need not be right to be safe.
 */
export function rewrite(printed: string, tokens: readonly Token[], said: Said): string {
  const names = { workspace: said.workspace, declared: declaredIn(tokens), aliases: aliasesIn(tokens) }
  const pieces: string[] = []
  let from = 0
  let at = 0
  while (at < tokens.length) {
    const found = constantAt(tokens, at, said) ?? tableAt(tokens, at, names)
    if (found === undefined) {
      at++
      continue
    }
    pieces.push(printed.slice(from, tokens[at]?.start), found.text)
    at += found.length
    from = tokens[at - 1]?.end ?? from
  }
  return pieces.join('') + printed.slice(from)
}

interface Piece {
  readonly text: string
  /** Of tokens. */
  readonly length: number
}

function constantAt(tokens: readonly Token[], at: number, said: Said): Piece | undefined {
  const [token, open, close, after] = tokens.slice(at, at + 4)
  if (token?.kind !== 'word' || open?.text !== '(' || close?.text !== ')') return undefined
  const name = token.text.toLowerCase()
  const before = tokens[at - 1]
  if (!Object.hasOwn(constants, name) || before?.text === '.') return undefined
  const text = quoteText(constants[name]?.(said) ?? '')
  // A column is called as it is written.
  const isColumn = (isWord(before, 'SELECT') || before?.text === ',') && !isWord(after, 'AS')
  return { text: isColumn ? `${text} AS ${quoteName(`${token.text}()`)}` : text, length: 3 }
}

interface Names {
  readonly workspace: string
  readonly declared: ReadonlySet<string>
  /** Of tables that are named with their database, by both. */
  readonly aliases: ReadonlyMap<string, string>
}

function tableAt(tokens: readonly Token[], at: number, { workspace, declared, aliases }: Names): Piece | undefined {
  const [database, dot, table, after] = tokens.slice(at, at + 4)
  if (!isName(database) || dot?.text !== '.' || !isName(table)) return undefined
  const before = tokens[at - 1]
  if (before?.text === '.' || declared.has(database.value)) return undefined
  const isColumn = after?.text === '.'
  if (!isColumn && !isWord(before, 'FROM') && !isWord(before, 'JOIN') && before?.text !== ',') return undefined
  const isKnown = isCatalogue(database.value)
  if (!isKnown && !isOwn(database.value, workspace)) return undefined
  if (isColumn) {
    const alias = aliases.get(`${database.value}.${table.value}`) ?? table.value
    return { text: quoteName(alias), length: 3 }
  }
  if (!isKnown) return { text: quoteName(table.value), length: 3 }
  const name = catalogueName(database.value, table.value)
  if (name === undefined && before?.text === ',') return undefined
  if (name === undefined) throw unknownTable(`${database.value}.${table.value}`)
  return { text: isWord(after, 'AS') ? name : `${name} AS ${quoteName(table.value)}`, length: 3 }
}

/** `database.table AS alias`. */
function aliasesIn(tokens: readonly Token[]): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>()
  for (const [at, token] of tokens.entries()) {
    const [database, dot, table] = tokens.slice(Math.max(0, at - 3), at)
    const alias = tokens[at + 1]
    if (!isWord(token, 'AS') || dot?.text !== '.' || database === undefined || table === undefined) continue
    if (isName(alias)) aliases.set(`${database.value}.${table.value}`, alias.value)
  }
  return aliases
}

/** Aliases, and tables that are named alone: what stands before a dot may be one of them, and no database. */
function declaredIn(tokens: readonly Token[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [at, token] of tokens.entries()) {
    const before = tokens[at - 1]
    const isTable = (isWord(before, 'FROM') || isWord(before, 'JOIN')) && tokens[at + 1]?.text !== '.'
    if (isName(token) && (isWord(before, 'AS') || isTable)) names.add(token.value)
  }
  return names
}
