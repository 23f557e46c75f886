import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { workspaceScopes } from '#mesh/scopes.ts'
import { generateKey } from '#mesh/keys.ts'
import {
  CreateKeyRequestSchema,
  CreateWorkspaceRequestSchema,
  GetKeyRequestSchema,
  ListKeysRequestSchema,
  RecoverKeyRequestSchema,
  RevokeKeyRequestSchema,
  UpdateWorkspaceRequestSchema,
} from '#proto/edgewise/identity/v1/identity_pb.ts'
import { WatchRequestSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import { createConfig } from '../../../core/config/index.ts'
import { createSeal } from '../../../core/seal.ts'
import type { Identity } from '../../../core/identity/index.ts'
import { callBy } from '../../support/call.ts'
import { type Fixture, operatorToken, startIdentity } from './fixture.ts'

const admin = { scopes: [...workspaceScopes], plan: { requests: 0 } }
const edge = { workspace: '', id: 'svc_edge', scopes: ['internal:edge'] }

let store: Fixture
let identity: Identity
let databases: readonly string[] = []

const asKey = (text: string) => store.as(text)

function createKey(
  by: Parameters<typeof callBy>[0],
  input: Parameters<typeof create<typeof CreateKeyRequestSchema>>[1],
) {
  return identity.service.createKey(create(CreateKeyRequestSchema, { name: 'test', ...input }), callBy(by))
}

beforeAll(async () => {
  store = await startIdentity()
  ;({ identity, databases } = store)
})
afterAll(() => store.close())

describe('the first start', () => {
  test('makes the workspace `main` and a key for the installation’s administrator, once', async () => {
    const text = await identity.bootstrap()
    expect(text).toMatch(/^ew_[0-9A-Za-z]{38}$/)
    expect(databases).toEqual(['main'])
    expect(await identity.bootstrap()).toBeUndefined()
    const actor = await asKey(text ?? '')
    expect(actor).toMatchObject({ workspace: 'main', plan: { requests: 0 } })
    expect(actor?.scopes).toContain('workspaces:admin')
  })

  test('a lost administrator’s key is recovered by making another', async () => {
    const operator = await asKey(operatorToken)
    const recover = (by: Parameters<typeof callBy>[0]) =>
      identity.service.recoverKey(create(RecoverKeyRequestSchema), callBy(by))
    expect(await asKey((await recover({ scopes: operator?.scopes ?? [] })).text)).toMatchObject({ workspace: 'main' })
    await expect(recover(admin)).rejects.toMatchObject({ problem: 'auth.scope' })
  })
})

describe('creating a key', () => {
  test('answers the text once, stores only a hash, and shows the prefix', async () => {
    const made = await createKey(admin, { scopes: ['sql:read'] })
    expect(made.key?.prefix).toBe(made.text.slice(0, 11))
    const rows = await store.db.execute('select * from identity_keys')
    expect(JSON.stringify(rows)).not.toContain(made.text.slice(11))
    expect(await asKey(made.text)).toMatchObject({ id: made.key?.id, plan: { name: 'standard', requests: 100 } })
  })

  test.each([
    ['an unknown scope', { scopes: ['sql:write'] }, '/scopes/0'],
    ['no scope', { scopes: [] }, '/scopes'],
    ['an expiry in the past', { scopes: ['sql:read'], expiresAt: timestampFromMs(1) }, '/expires_at'],
    ['params without filters and SQL of its own', { scopes: ['sql:read'], params: { tenant: 'a' } }, '/scopes'],
    [
      'params without filters and queries of its own',
      { scopes: ['queries:write'], params: { tenant: 'a' } },
      '/scopes',
    ],
    [
      'an empty filter',
      { scopes: ['sql:read'], filters: [{ stream: 's', column: 'c', values: [] }] },
      '/filters/s/values',
    ],
  ])('with %s is refused and names the place', async (_, input, pointer) => {
    await expect(createKey(admin, input)).rejects.toMatchObject({
      problem: 'request.invalid',
      errors: expect.arrayContaining([expect.objectContaining({ pointer })]),
    })
  })

  test.each([
    ['a scope', { scopes: ['keys:admin', 'events:write'] }, '/scopes/1'],
    ['unfiltered rows', { scopes: ['keys:admin'] }, '/filters'],
    ['other rows', { scopes: ['keys:admin'], filters: [{ stream: 's', column: 'c', values: ['2'] }] }, '/filters/s'],
    ['a later end', { scopes: ['keys:admin'], filters: [{ stream: 's', column: 'c', values: ['1'] }] }, '/expires_at'],
  ])('never gives %s that its maker does not have', async (_, input, pointer) => {
    const maker = {
      scopes: ['keys:admin'],
      filters: [{ stream: 's', column: 'c', values: ['1'] }],
      expiresAt: timestampFromMs(store.clock.now + 60_000),
    }
    await expect(createKey(maker, input)).rejects.toMatchObject({
      errors: expect.arrayContaining([expect.objectContaining({ pointer })]),
    })
  })

  test('never gives a faster plan than its maker has: in the long run, at once, or by asking for none', async () => {
    const maker = { scopes: ['keys:admin'], plan: { name: 'slow', requests: 10, windowSeconds: 60 } }
    for (const plan of [
      { requests: 0, windowSeconds: 60 },
      { requests: 10, windowSeconds: 59 },
      { requests: 11, windowSeconds: 86_400 },
    ]) {
      await expect(createKey(maker, { scopes: ['keys:admin'], plan })).rejects.toMatchObject({
        errors: [expect.objectContaining({ pointer: '/plan/requests' })],
      })
    }
    const made = await createKey(maker, { scopes: ['keys:admin'] })
    expect(made.key?.plan).toMatchObject({ name: 'slow', requests: 10, windowSeconds: 60 })
  })

  test('a plan bounds rows, bytes, events and what comes at once, and a key made under it has no more of any', async () => {
    const plan = { requests: 100, windowSeconds: 60, rows: 2n ** 40n, bytes: 5n, events: 6n, burst: 7, concurrency: 8 }
    const maker = { scopes: ['keys:admin'], plan: { name: 'wide', ...plan } }
    const made = await createKey(admin, { scopes: ['keys:admin'], plan })
    expect(made.key?.plan).toMatchObject(plan)
    expect((await asKey(made.text))?.plan).toMatchObject(plan)
    for (const [unit, value] of Object.entries({ rows: 2n ** 41n, bytes: 0n, events: 7n, burst: 8, concurrency: 0 })) {
      await expect(
        createKey(maker, { scopes: ['keys:admin'], plan: { ...plan, [unit]: value } }),
      ).rejects.toMatchObject({ errors: [expect.objectContaining({ pointer: `/plan/${unit}` })] })
    }
    const usual = await createKey(maker, { scopes: ['keys:admin'] })
    expect(usual.key?.plan).toMatchObject({ name: 'wide', ...plan })
    await expect(createKey(admin, { scopes: ['keys:admin'], plan: { ...plan, burst: 101 } })).rejects.toMatchObject({
      errors: [expect.objectContaining({ pointer: '/plan/burst' })],
    })
  })

  test('needs keys:admin', async () => {
    await expect(createKey({ scopes: ['sql:read'] }, { scopes: ['sql:read'] })).rejects.toMatchObject({
      problem: 'auth.scope',
    })
  })
})

describe('a key ends', () => {
  test('when it is revoked, at once in this process and by the feed for edges', async () => {
    const made = await createKey(admin, { scopes: ['sql:read'] })
    const config = createConfig({ db: store.db, seal: createSeal(Buffer.alloc(32, 7)), upstreams: [] })
    const before = await config.service.watch(create(WatchRequestSchema), callBy(edge))
    expect(await asKey(made.text)).toBeDefined()
    const id = made.key?.id ?? ''
    await identity.service.revokeKey(create(RevokeKeyRequestSchema, { id }), callBy(admin))
    await expect(asKey(made.text)).rejects.toMatchObject({ problem: 'auth.invalid' })
    const feed = await config.service.watch(create(WatchRequestSchema, { since: before.cursor }), callBy(edge))
    expect(feed.reset).toBe(false)
    expect(feed.changes).toMatchObject([{ workspace: 'main', name: id }])
  })

  test('at its expiry, even when its verification is remembered', async () => {
    const made = await createKey(admin, { scopes: ['sql:read'], expiresAt: timestampFromMs(store.clock.now + 1_000) })
    expect(await asKey(made.text)).toBeDefined()
    store.clock.now += 1_000
    await expect(asKey(made.text)).rejects.toMatchObject({ problem: 'auth.invalid' })
  })

  test('unknown and malformed keys are answered like revoked ones', async () => {
    const answers = await Promise.allSettled([asKey(generateKey()), asKey('ew_nonsense'), asKey("' or 1=1 --")])
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { problem: 'auth.invalid' } })
    }
  })
})

describe('workspaces', () => {
  test('keys of one are not found in another', async () => {
    const installation = { scopes: [...workspaceScopes, 'workspaces:admin'] }
    const made = await identity.service.createWorkspace(
      create(CreateWorkspaceRequestSchema, { name: 'other' }),
      callBy(installation),
    )
    const id = made.key?.key?.id ?? ''
    for (const verb of ['getKey', 'revokeKey'] as const) {
      const request = verb === 'getKey' ? create(GetKeyRequestSchema, { id }) : create(RevokeKeyRequestSchema, { id })
      await expect(identity.service[verb](request as never, callBy(admin))).rejects.toMatchObject({
        problem: 'resource.not_found',
      })
    }
    const page = await identity.service.listKeys(create(ListKeysRequestSchema, { limit: 1000 }), callBy(admin))
    expect(page.keys.map((key) => key.id)).not.toContain(id)
    expect(await asKey(made.key?.text ?? '')).toMatchObject({ workspace: 'other' })
    expect((await asKey(made.key?.text ?? ''))?.scopes).not.toContain('workspaces:admin')
  })

  test.each(['default', 'system', 'Main', 'a b', '_x', ''])('cannot be called %j', async (name) => {
    await expect(
      identity.service.createWorkspace(
        create(CreateWorkspaceRequestSchema, { name }),
        callBy({ scopes: ['workspaces:admin'] }),
      ),
    ).rejects.toMatchObject({ name: 'Failure' })
  })

  test('origins must be origins', async () => {
    const update = (corsOrigins: string[]) =>
      identity.service.updateWorkspace(create(UpdateWorkspaceRequestSchema, { corsOrigins }), callBy(admin))
    await expect(update(['https://a.example/path'])).rejects.toMatchObject({ errors: [{ pointer: '/cors_origins/0' }] })
    expect(await update(['https://a.example'])).toMatchObject({ corsOrigins: ['https://a.example'] })
  })
})

test('keys are paged newest first, each once', async () => {
  await Promise.all(Array.from({ length: 5 }, () => createKey(admin, { scopes: ['sql:read'] })))
  const seen: string[] = []
  let cursor = ''
  do {
    const page = await identity.service.listKeys(create(ListKeysRequestSchema, { limit: 2, cursor }), callBy(admin))
    seen.push(...page.keys.map((key) => key.id))
    cursor = page.nextCursor
  } while (cursor !== '')
  expect(seen).toEqual([...new Set(seen)].sort().reverse())
  expect(seen.length).toBeGreaterThan(5)
})

test('only edges may verify keys or read the feed', async () => {
  const config = createConfig({ db: store.db, seal: createSeal(Buffer.alloc(32, 7)), upstreams: [] })
  await expect(config.service.watch(create(WatchRequestSchema), callBy(admin))).rejects.toMatchObject({
    problem: 'auth.scope',
  })
})
