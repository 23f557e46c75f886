import { assert, property, string, array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { treeOf } from '../../../core/query/gate/ast.ts'
import { tokensOf } from '../../../core/query/gate/lexer.ts'
import { parameterType } from '../../../core/query/gate/types.ts'

describe('the text of a syntax tree', () => {
  test('is read with kinds, texts and aliases', () => {
    const tree = treeOf(
      "Function plus (alias x y) (children 1)\n ExpressionList (children 2)\n  Literal 'a (alias b)'\n  Identifier a.b\n",
    )
    expect(tree).toMatchObject({
      kind: 'Function',
      text: 'plus',
      alias: 'x y',
      children: [{ kind: 'ExpressionList', children: [{ text: "'a (alias b)'", alias: undefined }, { text: 'a.b' }] }],
    })
  })

  test.each([
    ['a child too many', 'A (children 1)\n B\n C'],
    ['a child too few', 'A (children 2)\n B'],
    ['a leaf that claims a child', 'A (children 1)\n B (children 1)'],
    ['a line that is too deep', 'A (children 1)\n  B'],
    ['two roots', 'A\nB'],
    ['a line that is none', 'A (children 1)\n `'],
    ['nothing', ''],
  ])('is not believed with %s', (_, text) => {
    expect(treeOf(text)).toBeUndefined()
  })
})

describe('the text that the formatter prints', () => {
  test('is read to the end or not at all, and every token stands where it says', () => {
    assert(
      property(array(string({ maxLength: 8 })), (parts) => {
        const text = parts.join(' ')
        for (const token of tokensOf(text) ?? []) expect(text.slice(token.start, token.end)).toBe(token.text)
      }),
    )
  })

  test('quotes hold whatever is in them', () => {
    const tokens = tokensOf("SELECT `a\\`(b` AS `{p:String}`, 'it\\'s {q:String} `', {r:Array(Nullable(Int8))}")
    expect(tokens?.map(({ kind, value }) => `${kind} ${value}`)).toEqual([
      'word SELECT',
      'name a`(b',
      'word AS',
      'name {p:String}',
      'sign ,',
      "text 'it\\'s {q:String} `'",
      'sign ,',
      'parameter r',
    ])
  })
})

describe('types of parameters', () => {
  test.each([
    'UInt8',
    'Int256',
    'String',
    'Nullable(String)',
    'Array(String)',
    'Array(Nullable(UInt64))',
    'LowCardinality(Nullable(String))',
    'DateTime',
    "DateTime('Europe/Berlin')",
    "DateTime64(3, 'UTC')",
    'Decimal(10, 2)',
    "Enum8('a' = 1, 'b' = 2)",
    "Enum('a', 'b')",
    'FixedString(3)',
    'IPv6',
    'Bool',
  ])('%s is one', (type) => {
    expect(parameterType(type)).toBeDefined()
  })
  test.each([
    'Identifier',
    'AggregateFunction(sum, UInt8)',
    'Tuple(UInt8)',
    'Map(String, String)',
    'JSON',
    'Dynamic',
    'Variant(Int8)',
    'Object(1)',
    'Nested(a Int8)',
    'Array(Array(Int8))',
    'Nullable(Array(Int8))',
    'string',
    '',
    'String)',
    "Array(/*'*/String)",
    "Enum8('a\\'' = 1)",
    "DateTime64(3, 'a'', 1)",
    'Int8 ',
    'Array( Int8)',
  ])('%s is none', (type) => {
    expect(parameterType(type)).toBeUndefined()
  })
})
