import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readMasterKeys, rotateMasterKey } from '../../core/master-key.ts'
import { createSeal } from '../../core/seal.ts'
import { createAssertions, createIdentity } from '../../core/identity/index.ts'
import { createOutbound } from '../../core/outbound.ts'
import { startCore } from '../support/core.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { startIdentity } from './identity/fixture.ts'

const none = { key: undefined, file: undefined, previous: [] }
let directory: ReturnType<typeof temporaryDirectory>
let path = ''

beforeEach(() => {
  directory = temporaryDirectory()
  path = join(directory.path, 'master.key')
})
afterEach(() => directory.remove())

describe('the master key', () => {
  test('is made once, for its owner alone', () => {
    const { current } = readMasterKeys(path, none)
    expect(current.byteLength).toBe(32)
    expect(readMasterKeys(path, none).current).toEqual(current)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('is the one that is given, by value or by file; its own then still opens', () => {
    const own = readMasterKeys(path, none).current
    const key = randomBytes(32)
    expect(readMasterKeys(path, { ...none, key })).toMatchObject({ current: key, previous: [own] })
    const file = join(directory.path, 'mounted')
    writeFileSync(file, `${key.toString('base64')}\n`)
    expect(readMasterKeys(path, { ...none, file }).current).toEqual(key)
    writeFileSync(file, 'too short\n')
    expect(() => readMasterKeys(path, { ...none, file })).toThrow('32 bytes in base64')
    expect(() => readMasterKeys(path, { ...none, file: join(directory.path, 'absent') })).toThrow('cannot be read')
  })

  test('is rotated with every key of before kept until all is settled', () => {
    const first = readMasterKeys(path, none).current
    rotateMasterKey(path)
    rotateMasterKey(path)
    const keys = readMasterKeys(path, none)
    expect(keys.previous).toHaveLength(2)
    expect(keys.previous[0]).toEqual(first)
    expect(keys.current).not.toEqual(first)
    keys.settled()
    expect(readMasterKeys(path, none)).toMatchObject({ current: keys.current, previous: [] })
  })

  test('ended between the two writes of a rotation, everything still opens', () => {
    const first = readMasterKeys(path, none).current
    writeFileSync(`${path}.previous`, readFileSync(path))
    const { current, previous } = readMasterKeys(path, none)
    expect(createSeal(current, previous).open('a', createSeal(first).seal('a', 'secret'))).toBe('secret')
  })

  test('that is missing while others are kept is not made anew', () => {
    writeFileSync(`${path}.previous`, `${randomBytes(32).toString('base64')}\n`)
    expect(() => readMasterKeys(path, none)).toThrow('is missing')
  })
})

test('every sealed secret moves to the new master key, and is lost to the old one', async () => {
  const store = await startIdentity()
  try {
    await store.identity.bootstrap()
    const [old, next] = [createSeal(Buffer.alloc(32, 7)), randomBytes(32)]
    await store.db.execute(sql`insert into identity_issuers (workspace, name, issuer, audiences, algorithms,
      clock_skew_seconds, rules, client_id, sealed_secret, metadata, jwks, keys_tried_at, keys_fetched_at) values
      ('main', 'okta', 'https://okta.example', '{}', '{}', 0, '[]', 'us', ${old.seal('issuer/main/okta', 'client secret')}, '{}', '{}', now(), now())`)
    await store.db.execute(sql`insert into identity_users (id, workspace, email, roles, sealed_totp, created_at) values
      ('usr_1', 'main', 'a@example.com', '{}', ${old.seal('totp/usr_1', 'seed')}, now())`)
    await store.identity.tend()
    const at = (seal: ReturnType<typeof createSeal>) =>
      createIdentity({
        db: store.db,
        assertions: createAssertions(randomBytes(32), [], Date.now),
        edgeToken: 'e'.repeat(32),
        operatorToken: 'o'.repeat(32),
        defaultPlan: { name: 'standard', requests: 100, windowSeconds: 60 },
        now: Date.now,
        createDatabase: async () => {},
        issuerUrl: 'https://gateway.example',
        seal,
        outbound: createOutbound([]),
        noteRefusal: () => undefined,
        serviceOf: () => undefined,
      })
    await expect(at(createSeal(next)).reseal()).rejects.toThrow('another master key')
    expect(await at(createSeal(next, [Buffer.alloc(32, 7)])).reseal()).toBe(3)
    expect(await at(createSeal(next)).reseal()).toBe(0)
    const recorded = await store.db.execute(sql`select detail from audit_entries where action = 'rotate_master_key'`)
    expect(JSON.stringify(recorded)).toContain('\\"secrets\\":3')
    await expect(store.identity.reseal()).rejects.toThrow('another master key')
    const found = await store.db.execute<{ sealed_secret: string }>(sql`select sealed_secret from identity_issuers`)
    expect(createSeal(next).open('issuer/main/okta', sealedIn(found))).toBe('client secret')
  } finally {
    await store.close()
  }
})

test(
  'a core says what to do when the master key is another one, and moves to it when the old one is given',
  { timeout: 120_000 },
  async () => {
    const data = join(directory.path, 'data')
    const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
    const start = (env: Readonly<Record<string, string>>) => startCore(data, env)
    await (await start({ EDGEWISE_MASTER_KEY: first })).stop()
    await expect(start({ EDGEWISE_MASTER_KEY: second })).rejects.toThrow(/\(78\)[^]*EDGEWISE_MASTER_KEY_PREVIOUS/)
    // Killed at once: what was moved and what was not both open with the two keys.
    const both = { EDGEWISE_MASTER_KEY: second, EDGEWISE_MASTER_KEY_PREVIOUS: first }
    await (await start(both)).kill()
    await (await start(both)).stop()
    await (await start({ EDGEWISE_MASTER_KEY: second })).stop()
    expect(existsSync(join(data, 'master.key'))).toBe(false)
  },
)

/** The driver's answer is the engine's own. */
function sealedIn(found: unknown): string {
  return /v1\.[\w.-]+/.exec(JSON.stringify(found))?.[0] ?? ''
}
