import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { keysOf, signatureAlgorithms } from '#mesh/tokens/keys.ts'
import { readHeader, verifySignature } from '#mesh/tokens/verify.ts'
import { sampleData } from '../../support/optional.ts'

/** https://github.com/C2SP/wycheproof: what has gone wrong in implementations of JOSE. */
const folder = sampleData('wycheproof')

interface Jwk extends Readonly<Record<string, unknown>> {
  readonly kty?: string
  readonly keys?: readonly Jwk[]
}

interface Group {
  readonly comment: string
  readonly public?: Jwk
  readonly private: Jwk
  readonly tests: readonly {
    readonly tcId: number
    readonly jws?: unknown
    readonly jwe?: unknown
    readonly result: string
  }[]
}

/** As a provider would publish the group's keys. */
function publishedOf({ public: given, private: secret }: Group): string {
  const one = given ?? secret
  return JSON.stringify(one.keys === undefined ? { keys: [one] } : one)
}

async function accepts(text: unknown, jwks: string): Promise<boolean> {
  if (typeof text !== 'string') return false
  const header = readHeader(text)
  if (typeof header === 'string') return false
  return 'payload' in (await verifySignature(text, header, keysOf(jwks), signatureAlgorithms))
}

describe.skipIf(folder === undefined)('Wycheproof JOSE vectors', () => {
  const files = ['signature', 'encryption', 'crypto', 'key'].map((name) => `json_web_${name}_test.json`)
  const groups = files.flatMap((file) => {
    const path = join(folder ?? '', file)
    return folder === undefined ? [] : (JSON.parse(readFileSync(path, 'utf8')) as { testGroups: Group[] }).testGroups
  })
  const seen = { all: 0, accepted: [] as string[] }

  test('no invalid one is accepted', async () => {
    const wrong: string[] = []
    for (const group of groups) {
      const jwks = publishedOf(group)
      for (const { tcId, jws, jwe, result } of group.tests) {
        seen.all++
        const accepted = await accepts(jws ?? jwe, jwks)
        if (accepted) seen.accepted.push(`${group.comment} ${tcId}`)
        if (accepted && result === 'invalid') wrong.push(`${group.comment} ${tcId}`)
      }
    }
    expect(seen.all).toBe(649)
    expect(wrong).toEqual([])
  })

  test('every valid signature by a private key of an algorithm that is offered is accepted', async () => {
    const missed: string[] = []
    let offered = 0
    for (const group of groups) {
      for (const { tcId, jws, result } of group.tests) {
        if (result !== 'valid' || typeof jws !== 'string') continue
        const header = JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString()) as { alg: string }
        if (!(signatureAlgorithms as readonly string[]).includes(header.alg)) continue
        // Stricter than the vectors: a key that says its algorithm serves no other.
        if ((group.public?.['alg'] ?? header.alg) !== header.alg) continue
        offered++
        if (!(await accepts(jws, publishedOf(group)))) missed.push(`${group.comment} ${tcId} ${header.alg}`)
      }
    }
    expect(missed).toEqual([])
    expect(offered).toBeGreaterThan(20)
  })
})
