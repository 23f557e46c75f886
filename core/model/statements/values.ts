import { numberOf, readText, refuseNul } from './clauses.ts'
import { isWord, type Reader } from './reader.ts'
import type { Span } from './statement.ts'

/** What can stand after `option =`. */
export type Value = string | number | boolean | readonly Value[] | ReadonlyMap<string, Value>

export interface PlacedValue extends Span {
  readonly value: Value
}

/** `'text'`, `-1.5`, `true`, `['a', 'b']`, `('a', 'b')` or `{'name': 1}`; of lists in lists two levels. */
export function readValue(reader: Reader, depth = 0): PlacedValue {
  const { start } = reader.peek()
  if (depth < 2) {
    if (reader.acceptSign('[') !== undefined) return readList(reader, start, ']', depth)
    if (reader.acceptSign('(') !== undefined) return readList(reader, start, ')', depth)
    if (reader.acceptSign('{') !== undefined) return readMap(reader, start, depth)
  }
  const sign = reader.acceptSign('-') ?? reader.acceptSign('−') ?? reader.acceptSign('+')
  const token = reader.peek()
  if (token.kind === 'number') {
    reader.next()
    const value = numberOf(token)
    if (!Number.isFinite(value)) throw reader.failure(token, 'This is not a number that a double can hold.')
    return { value: sign === undefined || sign.text === '+' ? value : -value, start, end: token.end }
  }
  if (sign !== undefined) throw reader.unexpected('a number')
  for (const word of ['TRUE', 'FALSE']) {
    if (!isWord(token, word)) continue
    reader.next()
    return { value: word === 'TRUE', start, end: token.end }
  }
  return { value: readText(reader, 'a value').value, start, end: token.end }
}

function readList(reader: Reader, start: number, closer: string, depth: number): PlacedValue {
  const value: Value[] = []
  let close = reader.acceptSign(closer)
  while (close === undefined) {
    value.push(readValue(reader, depth + 1).value)
    close = reader.acceptSign(closer)
    if (close === undefined) reader.expectSign(',')
  }
  return { value, start, end: close.end }
}

function readMap(reader: Reader, start: number, depth: number): PlacedValue {
  const value = new Map<string, Value>()
  let close = reader.acceptSign('}')
  while (close === undefined) {
    const key = reader.peek()
    if (key.kind !== 'text' && key.kind !== 'word' && key.kind !== 'name') throw reader.unexpected('a name')
    refuseNul(reader, key)
    reader.next()
    reader.expectSign(':')
    value.set(key.value, readValue(reader, depth + 1).value)
    close = reader.acceptSign('}')
    if (close === undefined) reader.expectSign(',')
  }
  return { value, start, end: close.end }
}
