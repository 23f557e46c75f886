import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeKeys, encodeKeys } from '../../../core/catalog/keys.mongodb.ts'
import '../../support/seed.ts'

describe('the names of a document’s members', () => {
  test('come back as they were, whatever they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(decodeKeys(encodeKeys(value))).toEqual(value)
      }),
    )
    const names = fc.string({ unit: fc.constantFrom('$', '.', '%', '2', '4', '5', 'E', 'F', '_', 'bsontype') })
    fc.assert(
      fc.property(names, (name) => {
        expect(decodeKeys(encodeKeys({ [name]: { [name]: [] } }))).toEqual({ [name]: { [name]: [] } })
      }),
    )
    const inherited = JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": 1}') as object
    expect(JSON.stringify(decodeKeys(encodeKeys(inherited)))).toBe(JSON.stringify(inherited))
  })

  test('hold no operator, no path and nothing that the driver takes for its own', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (value) => {
        for (const name of Object.keys(encodeKeys(value) as object)) expect(name).not.toMatch(/^\$|\.|^_bsontype$/)
      }),
    )
    expect(encodeKeys({ $where: 1, 'a.b': { _bsontype: 'Code' }, a$b: '$set', '%24': 1 })).toEqual({
      '%24where': 1,
      'a%2Eb': { '%5Fbsontype': 'Code' },
      a$b: '$set',
      '%2524': 1,
    })
  })
})
