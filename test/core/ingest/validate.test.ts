import { describe, expect, test } from 'vitest'
import type { OnUnknown } from '../../../core/ingest/definition.ts'
import { ingestLimits as limits } from '../../../core/ingest/limits.ts'
import { parseType } from '../../../core/ingest/parse-type.ts'
import { typeText } from '../../../core/ingest/types.ts'
import { compileValidator } from '../../../core/ingest/validate.ts'

function validator(
  columns: Record<string, string>,
  { id = '', onUnknown = 'quarantine' }: { id?: string; onUnknown?: OnUnknown } = {},
) {
  const typed = Object.entries(columns).map(([name, type]) => ({ name, type: parseType(type) }))
  const validate = compileValidator({ columns: typed, id, onUnknown }, limits)
  return (text: string) => {
    const { outcome, text: out, column, reason, id } = validate(text)
    return outcome === 'ok'
      ? id === ''
        ? out
        : `${id} ← ${out}`
      : outcome === 'bad'
        ? `${column}: ${reason}`
        : outcome
  }
}

describe('a good row', () => {
  test('goes on as the text it came in', () => {
    const check = validator({ a: 'Int64', b: 'Float64' })
    for (const text of ['{"a":9007199254740993,"b":0.10}', '{ "b" : 1e2 , "a" : -1 }']) expect(check(text)).toBe(text)
  })
  test('begins with its brace and is one line', () => {
    expect(validator({ a: 'String' })(' {\n"a":\r\n"x\\n"}')).toBe('{ "a":  "x\\n"}')
  })
})

describe('names', () => {
  test('of a name that comes twice the last value counts', () => {
    const check = validator({ a: 'Int64', b: 'String' })
    expect(check('{"a":1,"b":"x","a":9007199254740993}')).toBe('{"a":9007199254740993,"b":"x"}')
    expect(check('{"a":"bad","b":"x","\\u0061":2}')).toBe('{"a":2,"b":"x"}')
  })
  test('that JavaScript gives a meaning have none', () => {
    const check = validator({ constructor: 'String', toString: 'Nullable(Int8)' }, { onUnknown: 'ignore' })
    expect(check('{"constructor":"x"}')).toBe('{"constructor":"x"}')
    expect(check('{"constructor":"x","__proto__":{"toString":1}}')).toBe('{"constructor":"x"}')
    expect(validator({ a: 'String' })('{"a":"x","__proto__":1}')).toContain('__proto__: is not a column')
    expect(({} as Record<string, unknown>)['toString']).toBeTypeOf('function')
  })
  test('that are unknown are told with the near one', () => {
    expect(validator({ user_id: 'Int64' })('{"user_id":1,"userid":1}')).toBe(
      'userid: is not a column of this stream; did you mean user_id?',
    )
  })
  test('that are unknown and null lose nothing by being left out', () => {
    expect(validator({ a: 'Int64' })('{"a":1,"b":null}')).toBe('{"a":1}')
  })
  test('of nested objects become dotted, with their numbers as written', () => {
    const check = validator({ 'a.b': 'Int64', 'a.c.d': 'Decimal(10, 2)' })
    expect(check('{"a":{"b":9007199254740993,"c":{"d":1.50}}}')).toBe('{"a.b":9007199254740993,"a.c.d":1.5}')
  })
})

describe('a bad row says which column, what was expected and what came', () => {
  test.each([
    ['Int8', '128', 'v: expected Int8 (-128 to 127), got 128'],
    ['UInt64', '18446744073709551616', 'v: expected UInt64 (0 to 18446744073709551615), got 18446744073709551616'],
    ['Int64', '1.0', 'v: expected Int64 (a whole number without point or exponent), got 1.0'],
    ['Int32', '"5"', 'v: expected Int32 (-2147483648 to 2147483647), got "5"'],
    ['Bool', '1', 'v: expected Bool (true or false), got 1'],
    ['String', 'null', 'v: expected String, got null'],
    ['String', '"\\ud800"', 'v: holds half of a surrogate pair, which is no character'],
    ['Array(UInt8)', '[1,256]', 'v: element 1: expected UInt8 (0 to 255), got 256'],
    ['Date', '"2023-02-29"', 'v: expected Date (YYYY-MM-DD from 1970-01-01 to 2149-06-06), got "2023-02-29"'],
    ['FixedString(2)', '"äb"', 'v: expected at most 2 bytes, got 3'],
    ["Enum8('a' = 1)", '"b"', 'v: expected one of \'a\', got "b"'],
    ['Float64', '1e999', 'v: expected Float64 (a finite number), got 1e999'],
  ])('%s %s', (type, raw, reason) => {
    expect(validator({ v: type })(`{"v":${raw}}`)).toBe(reason)
  })
  test('also when a column is missing, the row is no object, or is no JSON', () => {
    const check = validator({ a: 'Int64', b: 'String', c: 'Array(String)', d: 'Nullable(Int8)' })
    expect(check('{"a":1}')).toBe('b: is missing, and the column is not Nullable')
    expect(check('[1]')).toBe(': expected an object, got [1]')
    expect(check('{"a":1,}')).toContain(': is not JSON')
  })
  test('a hundred thousand brackets are a bad row, not a crash', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    expect(validator({ v: 'String' })(`{"v":${deep}}`)).toBe('v: nests deeper than 64 levels')
    expect(validator({ v: 'String' })(`{"v":${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}}`)).toContain('deeper')
  })
})

describe('times', () => {
  test.each([
    ['"2024-05-06T07:08:09Z"', '"2024-05-06T07:08:09Z"'],
    ['"2024-05-06T07:08:09.123456+02:00"', '"2024-05-06T05:08:09.123Z"'],
    ['1715000000', '"2024-05-06T12:53:20.000Z"'],
    ['1715000000123', '"2024-05-06T12:53:20.123Z"'],
  ])('%s', (raw, sent) => {
    expect(validator({ t: 'DateTime64(3)' })(`{"t":${raw}}`)).toBe(`{"t":${sent}}`)
  })
})

test('the id is one whether quoted or not', () => {
  const check = validator({ id: 'UInt64' }, { id: 'id' })
  expect(check('{"id":5}')).toBe('5 ← {"id":5}')
  expect(check('{"id":"5"}')).toBe('5 ← {"id":5}')
  expect(validator({ id: 'String' }, { id: 'id' })('{"id":""}')).toContain('must not be empty')
})

describe('types', () => {
  test.each([
    'Nested(a Int8)',
    'Variant(Int8)',
    'Dynamic',
    'AggregateFunction(sum, Int8)',
    "Object('json')",
    'Nullable(Array(Int8))',
    "DateTime('x') DEFAULT 1",
    'Int64) ENGINE = Null --',
    'LowCardinality(Int64)',
    'Enum8(1)',
    "DateTime('Mars')",
    'FixedString(0)',
  ])('%s is refused', (type) => {
    expect(() => parseType(type)).toThrow()
  })
  test('are written anew from what was understood', () => {
    expect(typeText(parseType(' Map( String ,Array( Nullable(Decimal(10,2))) ) '))).toBe(
      'Map(String, Array(Nullable(Decimal(10, 2))))',
    )
    expect(typeText(parseType("Enum8('it\\'s'=1)"))).toBe("Enum8('it\\'s' = 1)")
    expect(() => parseType('Strnig')).toThrow('did you mean String?')
  })
})
