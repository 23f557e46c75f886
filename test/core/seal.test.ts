import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createSeal, parseMasterKey } from '../../core/seal.ts'

const [old, current] = [randomBytes(32), randomBytes(32)]

describe('sealed secrets', () => {
  const seal = createSeal(current)

  test('open where they were sealed for, and look different each time', () => {
    const sealed = seal.seal('issuer/main/okta', 'pässword')
    expect(seal.open('issuer/main/okta', sealed)).toBe('pässword')
    expect(seal.seal('issuer/main/okta', 'pässword')).not.toBe(sealed)
    expect(sealed).not.toContain('pässword')
  })

  test('do not open in another place, nor with another master key, nor changed by a single character', () => {
    const sealed = seal.seal('issuer/main/okta', 'secret')
    expect(() => seal.open('issuer/other/okta', sealed)).toThrow('does not open')
    expect(() => createSeal(old).open('issuer/main/okta', sealed)).toThrow('another master key')
    for (let at = 12; at < sealed.length - 1; at += 7) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
      expect(() => seal.open('issuer/main/okta', changed)).toThrow('issuer/main/okta')
    }
    expect(() => seal.open('issuer/main/okta', 'secret')).toThrow('not a sealed one')
  })

  test('move to a new master key without being encrypted again', () => {
    const sealed = createSeal(old).seal('totp/usr_1', 'seed')
    const both = createSeal(current, [old])
    expect(both.open('totp/usr_1', sealed)).toBe('seed')
    const moved = both.rewrap('totp/usr_1', sealed)
    expect(seal.open('totp/usr_1', moved)).toBe('seed')
    expect(moved.split('.').at(-1)).toBe(sealed.split('.').at(-1))
    expect(both.rewrap('totp/usr_1', moved)).toBe(moved)
  })

  test('a master key has 32 bytes', () => {
    expect(parseMasterKey(`${current.toString('base64')}\n`)).toEqual(current)
    expect(parseMasterKey('c2hvcnQ=')).toBeUndefined()
  })
})
