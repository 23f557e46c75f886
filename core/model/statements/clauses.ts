import { closest } from '#mesh/closest.ts'
import type { Token } from './lexer.ts'
import { isWord, type Reader } from './reader.ts'
import type { ModelName, Name, Part, Span } from './statement.ts'

const nameShape = /^[a-z][a-z0-9_]{0,47}$/
const nameHint = 'A name is 1 to 48 characters: a lower-case letter, then lower-case letters, digits and underscores.'
/** Words that come after a model's name: in its place they mean that it was forgotten. Quoted they are names. */
const clauses = ['FROM', 'FOR', 'PREDICT', 'USING', 'EVERY', 'LIVE', 'VERSION', 'WATCH', 'WHERE']

/** A column's name, or an alias: any at all. */
export function readName(reader: Reader, what = 'a name'): Name {
  const token = reader.peek()
  if (token.kind !== 'word' && token.kind !== 'name') throw reader.unexpected(what)
  if (token.value === '') throw reader.failure(token, 'A name cannot be empty.')
  refuseNul(reader, token)
  reader.next()
  return { name: token.value, start: token.start, end: token.end }
}

export function readNames(reader: Reader, what: string): readonly Name[] {
  const names = [readName(reader, what)]
  while (reader.acceptSign(',') !== undefined) names.push(readName(reader, what))
  return names
}

export function readModel(reader: Reader): Name {
  const token = reader.peek()
  if (token.kind === 'word' && clauses.some((clause) => isWord(token, clause)))
    throw reader.unexpected('a model’s name')
  const name = readName(reader, 'a model’s name')
  if (!nameShape.test(name.name)) {
    throw reader.failure(token, `\`${name.name.slice(0, 64)}\` cannot be the name of a model.`, nameHint)
  }
  return name
}

/** `name`, or `name.3` */
export function readModelVersion(reader: Reader): ModelName {
  const model = readModel(reader)
  if (reader.acceptSign('.') === undefined) return { ...model, version: undefined }
  const version = readVersion(reader)
  return { ...model, version: version.value, end: version.end }
}

export interface Figure extends Span {
  readonly value: number
}

export function readVersion(reader: Reader): Figure {
  return readInteger(reader, 'the number of a version', 1, 2 ** 31 - 1)
}

export function readInteger(reader: Reader, what: string, min: number, max: number): Figure {
  const token = reader.peek()
  if (token.kind !== 'number') throw reader.unexpected(what)
  const value = numberOf(token)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw reader.failure(token, `Expected ${what}, from ${min} to ${max}, not \`${token.text.slice(0, 40)}\`.`)
  }
  reader.next()
  return { value, start: token.start, end: token.end }
}

/** A share of rows: `0.1` is a tenth of them. */
export function readShare(reader: Reader): number {
  const token = reader.peek()
  if (token.kind !== 'number') throw reader.unexpected('a share from 0 to 1')
  const share = numberOf(token)
  if (!(share <= 1)) {
    const detail = `Expected a share from 0 to 1, not \`${token.text.slice(0, 40)}\`.`
    throw reader.failure(token, detail, 'A tenth is 0.1.')
  }
  reader.next()
  return share
}

/** The number that a token of digits means; `1_000` is a thousand. */
export function numberOf({ text }: Token): number {
  return Number(text.replaceAll('_', ''))
}

export function readText(reader: Reader, what: string): Token {
  const token = reader.peek()
  if (token.kind !== 'text') throw reader.unexpected(what)
  refuseNul(reader, token)
  return reader.next()
}

/** No store can hold one. */
export function refuseNul(reader: Reader, token: Token): void {
  if (token.value.includes('\0')) throw reader.failure(token, 'A NUL character is not allowed.')
}

/** One of a few words. */
export function readChoice<T extends string>(reader: Reader, what: string, choices: readonly T[]): T {
  const { name, ...span } = readName(reader, `a ${what}`)
  const found = choices.find((choice) => choice === name.toLowerCase())
  if (found !== undefined) return found
  const near = closest(name, choices)
  const hint = near === undefined ? `There are ${choices.join(', ')}.` : `Did you mean \`${near}\`?`
  throw reader.failure(span, `There is no ${what} \`${name.slice(0, 64)}\`.`, hint)
}

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** `(SELECT …)`: what stands in the parentheses, untouched. */
export function readSelect(reader: Reader): Part {
  const { sql } = reader
  const open = reader.expectSign('(')
  const first = reader.peek()
  const begins = ['SELECT', 'WITH', 'FROM'].some((word) => isWord(first, word))
  if (!begins && first.text !== '(') throw reader.unexpected('SELECT')
  const opened = [open]
  for (;;) {
    const token = reader.next()
    const last = opened.at(-1) ?? open
    if (token.kind === 'end') throw reader.failure(last, `This \`${last.text}\` is not closed.`)
    if (token.kind !== 'sign') continue
    if (token.text === ';') throw reader.failure(token, 'A SELECT in parentheses cannot have a `;`.')
    if (token.text in closers) opened.push(token)
    else if (token.text === closers[last.text]) opened.pop()
    else if (')]}'.includes(token.text)) {
      throw reader.failure(token, `This \`${token.text}\` closes no \`${last.text}\`.`)
    }
    if (opened.length === 0) return { sql: sql.slice(open.end, token.start), start: open.end, end: token.start }
  }
}

/** Fails unless nothing follows but what every statement can end in: checked before what the statement means. */
export function refuseMore(reader: Reader): void {
  const token = reader.peek()
  if (token.kind !== 'end' && token.text !== ';' && !isWord(token, 'FORMAT')) throw reader.unexpected('the end')
}

/** `[FORMAT name]`, and the end of the text: one statement at a time. */
export function readEnd(reader: Reader): string | undefined {
  const format = reader.accept('FORMAT') ? readName(reader, 'the name of a format').name : undefined
  const semicolon = reader.acceptSign(';')
  while (reader.acceptSign(';') !== undefined);
  if (reader.peek().kind === 'end') return format
  if (semicolon !== undefined) {
    throw reader.failure(reader.peek(), 'Only one statement can be sent at a time.')
  }
  throw reader.unexpected('the end')
}
