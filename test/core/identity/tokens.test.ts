import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Failure } from '#mesh/errors.ts'
import { workspaceScopes } from '#mesh/scopes.ts'
import { CreateKeyRequestSchema, RevokeKeyRequestSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import {
  Grant,
  IssueTokenRequestSchema,
  type IssueTokenResponse,
  PutIssuerRequestSchema,
  RefreshIssuerRequestSchema,
} from '#proto/edgewise/identity/v1/token_pb.ts'
import { callBy } from '../../support/call.ts'
import { type Provider, startProvider } from '../../support/provider.ts'
import { type Fixture, issuerUrl, startIdentity } from './fixture.ts'

const admin = { scopes: [...workspaceScopes], plan: { requests: 0 } }
const edge = { workspace: '', id: 'svc_edge', scopes: ['internal:edge'] }

let provider: Provider
let fixture: Fixture
beforeAll(async () => {
  provider = await startProvider()
  fixture = await startIdentity({ outboundAllow: [provider.host] })
  await fixture.identity.bootstrap()
})
afterAll(() => Promise.all([fixture.close(), provider.close()]))

async function key(init: MessageInitShape<typeof CreateKeyRequestSchema>) {
  const made = await fixture.identity.service.createKey(
    create(CreateKeyRequestSchema, { name: 'test', scopes: ['sql:read', 'endpoints:read'], ...init }),
    callBy(admin),
  )
  return { id: made.key?.id ?? '', text: made.text }
}

function issue(init: MessageInitShape<typeof IssueTokenRequestSchema>): Promise<IssueTokenResponse> {
  return fixture.identity.tokens.issueToken(create(IssueTokenRequestSchema, init), callBy({}))
}

const byKey = (credential: string, more: MessageInitShape<typeof IssueTokenRequestSchema> = {}) =>
  issue({ grant: Grant.CLIENT_CREDENTIALS, credential, ...more })
const byRefresh = (credential: string, more: MessageInitShape<typeof IssueTokenRequestSchema> = {}) =>
  issue({ grant: Grant.REFRESH_TOKEN, credential, ...more })
const exchange = (credential: string, more: MessageInitShape<typeof IssueTokenRequestSchema> = {}) =>
  issue({ grant: Grant.TOKEN_EXCHANGE, credential, ...more })

async function problemOf(work: Promise<unknown>): Promise<Pick<Failure, 'problem' | 'message'>> {
  return work.then(
    () => ({ problem: 'internal.error', message: 'it was accepted' }) as const,
    (thrown: Failure) => ({ problem: thrown.problem, message: thrown.message }),
  )
}

describe('a token for a key', () => {
  test('is an RFC 9068 access token, and its bearer is who the key is', async () => {
    const { id, text } = await key({})
    const { accessToken, expiresIn, refreshToken } = await byKey(text)
    expect(decodeProtectedHeader(accessToken)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    expect(decodeJwt(accessToken)).toMatchObject({
      iss: issuerUrl,
      aud: issuerUrl,
      sub: id,
      scope: 'sql:read endpoints:read',
    })
    expect([expiresIn, refreshToken]).toEqual([900, ''])
    expect(await fixture.as(accessToken)).toMatchObject({ workspace: 'main', id, plan: { name: 'standard' } })
    expect(JSON.stringify(decodeJwt(accessToken))).not.toContain(text)
  })

  test('can have less than the key, never more', async () => {
    const { text } = await key({ filters: [{ stream: 'orders', column: 'tenant', values: ['a', 'b'] }] })
    const less = await byKey(text, {
      scopes: ['endpoints:read:top'],
      filters: [{ stream: 'orders', column: 'tenant', values: ['a'] }],
      ttlSeconds: 60,
    })
    expect(less.expiresIn).toBe(60)
    expect(await fixture.as(less.accessToken)).toMatchObject({
      scopes: ['endpoints:read:top'],
      filters: [{ stream: 'orders', values: ['a'] }],
    })
    for (const more of [
      { scopes: ['keys:admin'] },
      { filters: [{ stream: 'orders', column: 'tenant', values: ['c'] }] },
      { filters: [{ stream: 'customers', column: 'tenant', values: ['a'] }] },
      { scopes: ['nonsense'] },
    ]) {
      expect((await problemOf(byKey(text, more))).problem).toBe('request.invalid')
    }
  })

  test('for embedding: a predicate over rows, bound parameters, and what it can do is no more when exchanged again', async () => {
    const { text } = await key({})
    const embed = await byKey(text, {
      scopes: ['endpoints:read'],
      params: { customer: 'c1' },
      filters: [{ stream: 'orders', column: 'customer', values: ['c1'] }],
    })
    const again = await exchange(embed.accessToken)
    expect(await fixture.as(again.accessToken)).toMatchObject({
      scopes: ['endpoints:read'],
      params: { customer: 'c1' },
      filters: [{ stream: 'orders', values: ['c1'] }],
    })
    for (const more of [
      { params: { customer: 'c2' } },
      { scopes: ['sql:read'] },
      { filters: [{ stream: 'orders', column: 'customer', values: ['c1', 'c2'] }] },
    ]) {
      expect((await problemOf(exchange(embed.accessToken, more))).problem).toBe('request.invalid')
    }
    expect((await problemOf(byKey(text, { params: { customer: 'c1' } }))).message).toContain('cannot be given')
  })

  test('exchanged, does not live longer than it did', async () => {
    const { text } = await key({})
    const first = await byKey(text, { ttlSeconds: 100 })
    fixture.clock.now += 40_000
    expect((await exchange(first.accessToken)).expiresIn).toBeLessThanOrEqual(60)
    expect((await problemOf(exchange(first.accessToken, { offline: true }))).problem).toBe('auth.grant')
    fixture.clock.now += 70_000
    expect((await problemOf(fixture.as(first.accessToken))).message).toContain('expired')
  })

  test('ends with its key', async () => {
    const { id, text } = await key({})
    const { accessToken } = await byKey(text)
    expect(await fixture.as(accessToken)).toBeDefined()
    await fixture.identity.service.revokeKey(create(RevokeKeyRequestSchema, { id }), callBy(admin))
    expect((await problemOf(fixture.as(accessToken))).problem).toBe('auth.invalid')
    expect((await problemOf(byKey(text))).problem).toBe('auth.invalid')
  })

  test('is nothing when it was changed, unsigned, or signed by another', async () => {
    const { text } = await key({})
    const { accessToken } = await byKey(text)
    const [header = '', claims = '', signature = ''] = accessToken.split('.')
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const raised = encode({ ...decodeJwt(accessToken), scope: workspaceScopes.join(' ') })
    const other = await startIdentity()
    const foreign = await other.identity.bootstrap()
    const forged = await other.identity.tokens.issueToken(
      create(IssueTokenRequestSchema, { grant: Grant.CLIENT_CREDENTIALS, credential: foreign ?? '' }),
      callBy({}),
    )
    for (const wrong of [
      `${header}.${raised}.${signature}`,
      `${encode({ alg: 'none', typ: 'at+jwt' })}.${claims}.${signature}`,
      `${encode({ alg: 'HS256', typ: 'at+jwt' })}.${claims}.${signature}`,
      `${encode({ ...decodeProtectedHeader(accessToken), typ: 'JWT' })}.${claims}.${signature}`,
      `${encode({ ...decodeProtectedHeader(accessToken), jku: 'https://evil.example' })}.${claims}.${signature}`,
      forged.accessToken,
    ]) {
      expect((await problemOf(fixture.as(wrong))).problem).toBe('auth.invalid')
    }
    await other.close()
  })
})

describe('a refresh token', () => {
  test('gives the next one, and is used up by it', async () => {
    const { id, text } = await key({})
    const first = await byKey(text, { scopes: ['endpoints:read'], offline: true })
    expect(first.refreshToken).toMatch(/^ewr_/)
    const second = await byRefresh(first.refreshToken)
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect(await fixture.as(second.accessToken)).toMatchObject({ id, scopes: ['endpoints:read'] })
  })

  test('used a second time ends everything that came of it, at once', async () => {
    const { text } = await key({})
    const first = await byKey(text, { offline: true })
    const second = await byRefresh(first.refreshToken)
    expect((await problemOf(byRefresh(first.refreshToken))).message).toContain('used before')
    expect((await problemOf(byRefresh(second.refreshToken))).problem).toBe('auth.grant')
    for (const { accessToken } of [first, second]) {
      expect((await problemOf(fixture.as(accessToken))).problem).toBe('auth.invalid')
    }
    const told = JSON.stringify(
      await fixture.db.execute(
        sql`select action, request_id from audit_entries where resource like 'session/%' order by seq desc limit 2`,
      ),
    )
    expect(told).toMatch(/end_session.*req_test.*issue_token.*req_test/)
  })

  test('of two that come at the same time with one, one at most is answered', async () => {
    const { text } = await key({})
    const { refreshToken } = await byKey(text, { offline: true })
    const outcomes = await Promise.allSettled([byRefresh(refreshToken), byRefresh(refreshToken)])
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1)
  })

  test('ends with its key, and gives nothing that the key no longer has', async () => {
    const { id, text } = await key({})
    const { refreshToken } = await byKey(text, { offline: true })
    await fixture.identity.service.revokeKey(create(RevokeKeyRequestSchema, { id }), callBy(admin))
    expect((await problemOf(byRefresh(refreshToken))).problem).toBe('auth.grant')
    expect((await problemOf(byRefresh('ewr_invented'))).problem).toBe('auth.grant')
  })
})

describe('our own keys', () => {
  test('rotate with overlap: the next is published before it signs, the last until nothing of it holds', async () => {
    const { text } = await key({})
    const kids = async () => {
      const { issuers } = await fixture.identity.tokens.getTrust({} as never, callBy(edge))
      return (JSON.parse(issuers[0]?.jwks ?? '{}') as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
    }
    const kidOf = async () => decodeProtectedHeader((await byKey(text)).accessToken).kid
    const [before] = await kids()
    fixture.clock.now += 29.5 * 86_400_000
    await fixture.identity.tend()
    const [next] = await kids()
    expect(await kids()).toEqual([next, before])
    expect(await kidOf()).toBe(before)
    const { accessToken: late } = await byKey(text)
    fixture.clock.now += 86_400_000
    expect(await kidOf()).toBe(next)
    fixture.clock.now += 7_200_000
    await fixture.identity.tend()
    expect(await kids()).toEqual([next])
    expect((await problemOf(fixture.as(late))).problem).toBe('auth.invalid')
  })

  test('are sealed in the store', async () => {
    const stored = JSON.stringify(await fixture.db.execute('select * from identity_signing_keys'))
    expect(stored).toContain('"sealed_jwk":"v1.')
    expect(stored).not.toContain('"d":')
  })
})

describe('a provider', () => {
  const declare = (init: MessageInitShape<typeof PutIssuerRequestSchema> = {}, by = admin) =>
    fixture.identity.tokens.putIssuer(
      create(PutIssuerRequestSchema, {
        name: 'okta',
        issuer: provider.issuer,
        audiences: ['edgewise'],
        rules: [
          { claim: 'groups', value: '/analysts', roles: ['viewer'] },
          { claim: 'realm_access.roles', value: 'edit', roles: ['editor'] },
        ],
        ...init,
      }),
      callBy(by),
    )
  const token = (claims: Parameters<Provider['token']>[0] = {}, header = {}) =>
    provider.token(claims, header, fixture.clock.now)

  test('is discovered, and who its users are is what the rules say', async () => {
    expect(await declare()).toMatchObject({ name: 'okta', hasClientSecret: false, keysError: '' })
    const analyst = await fixture.as(await token({ groups: ['/sales', '/analysts'] }))
    expect(analyst).toMatchObject({ workspace: 'main', plan: { name: 'standard' } })
    expect(analyst?.scopes).toContain('sql:read')
    expect(analyst?.scopes).not.toContain('queries:write')
    const editor = await fixture.as(await token({ groups: ['/analysts'], realm_access: { roles: ['edit'] } }))
    expect(editor?.id).toBe(analyst?.id)
    expect(editor?.scopes).toContain('queries:write')
    expect((await fixture.as(await token({ groups: ['/analysts'], sub: 'bob' })))?.id).not.toBe(analyst?.id)
  })

  test.each([
    ['no rule fits', { groups: ['/sales'] }],
    ['another audience', { groups: ['/analysts'], aud: 'somebody-else' }],
    ['another issuer', { groups: ['/analysts'], iss: 'https://evil.example' }],
    ['expired', { groups: ['/analysts'], exp: 1 }],
    ['no expiry', { groups: ['/analysts'], exp: undefined }],
    ['not yet', { groups: ['/analysts'], nbf: 4_000_000_000 }],
    ['no subject', { groups: ['/analysts'], sub: '' }],
  ])('a token is refused: %s', async (_, claims) => {
    expect((await problemOf(fixture.as(await token(claims as Parameters<Provider['token']>[0])))).problem).toBe(
      'auth.invalid',
    )
  })

  test('a key that is not known yet is fetched, though not more often than every ten seconds', async () => {
    await provider.rotate()
    fixture.clock.now += 11_000
    expect(await fixture.as(await token({ groups: ['/analysts'] }))).toBeDefined()
    const asked = provider.requests.length
    for (let i = 0; i < 20; i++) {
      const { problem } = await problemOf(fixture.as(await token({ groups: ['/analysts'] }, { kid: `invented-${i}` })))
      expect(problem).toBe('auth.invalid')
    }
    expect(provider.requests.length - asked).toBe(0)
    fixture.clock.now += 11_000
    await problemOf(fixture.as(await token({ groups: ['/analysts'] }, { kid: 'invented' })))
    expect(provider.requests.length - asked).toBe(1)
  })

  test('that does not answer any more: its tokens still hold, and why it fails is told', async () => {
    provider.state.answering = false
    fixture.clock.now += 4_000_000
    await fixture.identity.tend()
    expect(await fixture.as(await token({ groups: ['/analysts'] }))).toBeDefined()
    // Also for a core that has just started.
    expect(await fixture.as(await token({ groups: ['/analysts'] }), fixture.another())).toBeDefined()
    const shown = await fixture.identity.tokens.getIssuer({ name: 'okta' } as never, callBy(admin))
    expect(shown.keysError).toContain('does not answer')
    provider.state.answering = true
  })

  test('a key that it has withdrawn is no longer believed within the hour', async () => {
    const before = await token({ groups: ['/analysts'], exp: Math.floor(fixture.clock.now / 1000) + 86_400 })
    await provider.rotate(true)
    fixture.clock.now += 3_700_000
    await fixture.identity.tend()
    expect((await problemOf(fixture.as(before))).problem).toBe('auth.invalid')
  })

  test('its token is exchanged for one of ours', async () => {
    const { accessToken, refreshToken } = await exchange(await token({ groups: ['/analysts'] }), {
      scopes: ['endpoints:read'],
      offline: true,
    })
    expect(await fixture.as(accessToken)).toMatchObject({ scopes: ['endpoints:read'], workspace: 'main' })
    expect(await fixture.as((await byRefresh(refreshToken)).accessToken)).toMatchObject({ workspace: 'main' })
  })

  test('cannot be declared to let others do more than oneself, or into another workspace', async () => {
    const limited = { ...admin, scopes: ['issuers:admin', 'sql:read'] }
    expect((await problemOf(declare({}, limited as typeof admin))).problem).toBe('request.invalid')
    const abroad = [{ claim: '', value: '', workspace: 'elsewhere', roles: ['owner'] }]
    expect((await problemOf(declare({ rules: abroad }))).problem).toBe('auth.scope')
    expect((await problemOf(declare({ rules: [{ roles: ['constructor'] }] }))).problem).toBe('request.invalid')
  })

  test('its audience cannot be claimed by another workspace', async () => {
    const other = { ...admin, workspace: 'other' }
    expect((await problemOf(declare({}, other))).problem).toBe('resource.exists')
  })

  test.each([
    ['http://127.0.0.1:1', 'only https'],
    ['https://127.0.0.1:1', 'private'],
    ['https://[::1]:1', 'private'],
    ['https://169.254.169.254', 'private'],
    ['https://localhost:1', 'private'],
    ['https://user:pass@example.com', 'credential'],
    ['https://2130706433', 'private'],
    ['file:///etc/passwd', 'only https'],
    ['nonsense', 'URL'],
  ])('%s is not called', async (issuer, why) => {
    const failure = await declare({ issuer }).catch((thrown: Failure) => thrown)
    expect(JSON.stringify([(failure as Failure).message, (failure as Failure).errors])).toContain(why)
  })

  test('only edges may ask for keys to be fetched, or whose tokens are believed', async () => {
    const refresh = create(RefreshIssuerRequestSchema, { issuer: provider.issuer })
    expect((await problemOf(fixture.identity.tokens.refreshIssuer(refresh, callBy(admin)))).problem).toBe('auth.scope')
    expect((await problemOf(fixture.identity.tokens.getTrust({} as never, callBy(admin)))).problem).toBe('auth.scope')
  })
})
