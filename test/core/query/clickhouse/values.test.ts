import { expect, test } from 'vitest'
import { nullRules, plainValues } from '../../../../core/query/clickhouse/values.ts'
import { parameterType } from '../../../../core/query/gate/types.ts'

function parameter(text: string) {
  const type = parameterType(text)
  if (type === undefined) throw new Error(text)
  return [{ name: 'v', type }]
}

test.each([
  ['String', "a\\tb\\\\n\\'", "a\tb\\n'"],
  ['String', "['a']", "['a']"],
  ['Array(String)', "['a','b\\'c', 'd,e' ]", '["a","b\'c","d,e"]'],
  ['Array(String)', '[]', '[]'],
  ['Array(String)', ' [ ] ', '[]'],
  ['Array(UInt8)', '[1,2]', '["1","2"]'],
  ['Array(UInt8)', '1,2', '1,2'],
  // What is none stays as it is, to be refused.
  ['Array(String)', "['a'", "['a'"],
  ['Array(String)', "['a']]", "['a']]"],
  ['Array(String)', "['a',]", "['a',]"],
])('%s %s', (type, given, value) => {
  expect(plainValues(parameter(type), { v: given, other: 'x' })).toEqual({ v: value })
})

test('NULL is a parameter that need not be given', () => {
  const parameters = parameter('Nullable(String)')
  expect(plainValues(parameters, { v: '\\N' })).toEqual({})
  expect(nullRules(parameters, { v: '\\N' }).get('v')).toMatchObject({ required: false })
  expect(nullRules(parameters, {}).size).toBe(0)
})
