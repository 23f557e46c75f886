import { Failure } from '#mesh/errors.ts'
import { quoteName, quoteText } from '../../storage/quote.ts'
import type { Token } from '../gate/lexer.ts'
import { notAllowed } from '../gate/refusals.ts'

const described = 'name, type, default_type, default_expression, comment, codec_expression, ttl_expression'

/**
 * SHOW DATABASES, SHOW TABLES, DESCRIBE TABLE and EXISTS TABLE as the SELECTs that they stand for, as ClickHouse itself
 * makes them; undefined for every other statement.
 */
export function selectOf(tokens: readonly Token[], workspace: string): string | undefined {
  const hasFormat = isWord(tokens.at(-2), 'FORMAT')
  const reader = createReader(hasFormat ? tokens.slice(0, -2) : tokens, workspace)
  const select = readStatement(reader)
  if (select === undefined) return undefined
  if (!reader.isAtEnd()) throw notAllowed(`${reader.rest()} is not understood here: SELECT from the system tables.`)
  return hasFormat ? `${select} FORMAT ${quoteName(tokens.at(-1)?.value ?? '')}` : select
}

function readStatement(reader: Reader): string | undefined {
  if (reader.takeWords('SHOW', 'DATABASES')) {
    return `SELECT name FROM system.databases${where([reader.takeLike('name')])} ORDER BY name${reader.takeLimit()}`
  }
  if (reader.takeWords('SHOW', 'TABLES') || reader.takeWords('SHOW', 'FULL', 'TABLES')) {
    if (reader.takeWords('FROM') || reader.takeWords('IN')) reader.takeDatabase()
    return `SELECT name FROM system.tables${where([reader.takeLike('name')])} ORDER BY name${reader.takeLimit()}`
  }
  if (reader.takeWords('DESCRIBE', 'TABLE') || reader.takeWords('DESCRIBE')) {
    const table = reader.takeTable()
    if (table === undefined) throw notAllowed('DESCRIBE takes the name of a table.')
    // Reading nothing of it says whether it is there for who asks.
    const isThere = `(SELECT count() FROM ${quoteName(table)} WHERE 0) = 0`
    return `SELECT ${described} FROM system.described WHERE table = ${quoteText(table)} AND ${isThere} ORDER BY position`
  }
  if (reader.takeWords('EXISTS', 'TABLE') || reader.takeWords('EXISTS', 'VIEW') || reader.takeWords('EXISTS')) {
    const table = reader.takeTable()
    if (table === undefined) return undefined
    return `SELECT toUInt8(count() > 0) AS result FROM system.tables WHERE name = ${quoteText(table)}`
  }
  return undefined
}

type Reader = ReturnType<typeof createReader>

function createReader(tokens: readonly Token[], workspace: string) {
  let at = 0

  function takeWords(...words: readonly string[]): boolean {
    if (!words.every((word, offset) => isWord(tokens[at + offset], word))) return false
    at += words.length
    return true
  }

  function takeName(): string | undefined {
    const token = tokens[at]
    if (!isName(token)) return undefined
    at++
    return token.value
  }

  function takeDatabase(): void {
    const name = takeName()
    if (name !== undefined && !isOwn(name, workspace)) throw unknownDatabase(name)
  }

  return {
    takeWords,
    takeDatabase,
    /** `table` or `database.table`. */
    takeTable(): string | undefined {
      const first = takeName()
      if (tokens[at]?.text !== '.' || first === undefined) return first
      at++
      if (!isOwn(first, workspace)) throw unknownDatabase(first)
      return takeName()
    },
    takeLike(column: string): string {
      const not = takeWords('NOT') ? 'NOT ' : ''
      const like = takeWords('LIKE') ? 'LIKE' : takeWords('ILIKE') ? 'ILIKE' : undefined
      const pattern = tokens[at]
      if (like === undefined || pattern?.kind !== 'text') return ''
      at++
      return `${column} ${not}${like} ${pattern.text}`
    },
    takeLimit(): string {
      const count = tokens[at + 1]
      if (!isWord(tokens[at], 'LIMIT') || count?.kind !== 'number') return ''
      at += 2
      return ` LIMIT ${count.text}`
    },
    isAtEnd: () => at >= tokens.length,
    rest: () =>
      tokens
        .slice(at, at + 5)
        .map(({ text }) => text)
        .join(' '),
  }
}

function where(conditions: readonly string[]): string {
  const held = conditions.filter((condition) => condition !== '')
  return held.length === 0 ? '' : ` WHERE ${held.join(' AND ')}`
}

/** Clients that name no database, or that of a fresh server, mean the only one that there is. */
export function isOwn(database: string, workspace: string): boolean {
  return database === workspace || database === 'default'
}

export function isName(token: Token | undefined): token is Token {
  return token?.kind === 'word' || token?.kind === 'name'
}

export function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text === text
}

export function unknownDatabase(name: string): Failure {
  return new Failure('query.unknown_table', `There is no database \`${name.slice(0, 80)}\` here.`, {
    hint: 'The only one is the workspace of the key: leave the database out.',
  })
}
