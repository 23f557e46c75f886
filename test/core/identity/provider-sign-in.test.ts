import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Failure } from '#mesh/errors.ts'
import { workspaceScopes } from '#mesh/scopes.ts'
import { PutIssuerRequestSchema } from '#proto/edgewise/identity/v1/token_pb.ts'
import { BeginSignInRequestSchema, FinishSignInRequestSchema } from '#proto/edgewise/identity/v1/user_pb.ts'
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
beforeEach(async () => {
  Object.assign(provider.state, { claims: {}, header: {}, answer: {}, clients: [], metadata: {}, answering: true })
  await declare()
})

const users = () => fixture.identity.users
const ann = { sub: 'ann', email: 'Ann@Example.com', name: 'Ann', groups: ['/analysts'] }

function declare(more: MessageInitShape<typeof PutIssuerRequestSchema> = {}) {
  const rules = [
    { claim: 'groups', value: '/analysts', roles: ['viewer'] },
    { claim: 'groups', value: '/leads', roles: ['editor'] },
  ]
  const declared = { name: 'idp', issuer: provider.issuer, audiences: ['edgewise'], clientId: 'gateway', rules }
  return fixture.identity.tokens.putIssuer(create(PutIssuerRequestSchema, { ...declared, ...more }), callBy(admin))
}

function begin(init: MessageInitShape<typeof BeginSignInRequestSchema> = {}) {
  const asked = create(BeginSignInRequestSchema, { workspace: 'main', issuer: 'idp', ...init })
  return users().beginSignIn(asked, callBy(edge))
}

/** Goes to the provider as a browser does; answers the query string that it comes back with. */
async function visit(url: string): Promise<string> {
  const { headers } = await fetch(url, { redirect: 'manual' })
  const back = new URL(headers.get('location') ?? '')
  expect(back.origin + back.pathname).toBe(`${issuerUrl}/v1/sessions/callback`)
  return back.search.slice(1)
}

function finish(answer: string, attempt: string) {
  const brought = create(FinishSignInRequestSchema, { answer, attempt, address: '192.0.2.1', agent: 'test' })
  return users().finishSignIn(brought, callBy(edge))
}

async function signIn(claims: object = ann, init: MessageInitShape<typeof BeginSignInRequestSchema> = {}) {
  Object.assign(provider.state.claims, claims)
  const { url, attempt } = await begin(init)
  return finish(await visit(url), attempt)
}

function failureOf(work: Promise<unknown>): Promise<Pick<Failure, 'problem' | 'message' | 'errors'>> {
  return work.then(
    () => ({ problem: 'internal.error', message: 'it was accepted', errors: [] }) as const,
    (thrown: Failure) => thrown,
  )
}

describe('somebody whom a provider knows', () => {
  test('signs in by code with PKCE, and is who the bearer of its tokens is, with the roles of its rules', async () => {
    const { url, attempt, expiresIn } = await begin({ returnTo: '/boards?q=1#top' })
    expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
      client_id: 'gateway',
      response_type: 'code',
      redirect_uri: `${issuerUrl}/v1/sessions/callback`,
      scope: 'openid email profile',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    })
    expect(expiresIn).toBe(600)
    provider.state.claims = ann
    const signedIn = await finish(await visit(url), attempt)
    expect(signedIn).toMatchObject({ returnTo: '/boards?q=1#top', user: { name: 'Ann', email: 'ann@example.com' } })
    const [bySession, byToken] = await Promise.all([
      fixture.as(signedIn.credential),
      fixture.as(await provider.token(ann, {}, fixture.clock.now)),
    ])
    expect(bySession).toMatchObject({ workspace: 'main', id: byToken?.id, scopes: byToken?.scopes })
    expect(provider.state.clients).toEqual(['gateway:'])
    const seen = await users().getUser(
      { $typeName: 'edgewise.identity.v1.GetUserRequest', id: byToken?.id ?? '' },
      callBy(admin),
    )
    expect(seen).toMatchObject({ roles: ['viewer'], pending: false, disabled: false })
  })

  test('has the roles that the provider says the last time, in every session', async () => {
    const first = await signIn()
    expect((await fixture.as(first.credential))?.scopes).not.toContain('queries:write')
    const second = await signIn({ ...ann, groups: ['/analysts', '/leads'] })
    expect(second.user?.roles).toEqual(['viewer', 'editor'])
    for (const { credential } of [first, second]) {
      expect((await fixture.as(credential))?.scopes).toContain('queries:write')
    }
  })

  test('is not somebody with a password of the same address', async () => {
    const { user } = await users().inviteUser(
      { $typeName: 'edgewise.identity.v1.InviteUserRequest', email: 'ann@example.com', name: '', roles: ['owner'] },
      callBy(admin),
    )
    const signedIn = await signIn()
    expect(signedIn.user?.id).not.toBe(user?.id)
    expect(signedIn.user?.roles).not.toContain('owner')
  })

  test('has a session for hours, which ends with what the provider may say', async () => {
    const first = await signIn()
    expect(Number(first.expiresAt?.seconds) * 1000 - fixture.clock.now).toBeLessThanOrEqual(8 * 3_600_000)
    await declare()
    expect(await fixture.as(first.credential)).toBeDefined()
    await declare({ rules: [{ claim: 'groups', value: '/analysts', roles: ['editor'] }] })
    await expect(fixture.as(first.credential)).rejects.toThrow('The session has ended')
    const second = await signIn()
    await fixture.identity.tokens.deleteIssuer(
      { $typeName: 'edgewise.identity.v1.DeleteIssuerRequest', name: 'idp' },
      callBy(admin),
    )
    await expect(fixture.as(second.credential)).rejects.toThrow('The session has ended')
  })

  test.each([
    ['no rule lets in', { ...ann, groups: ['/others'] }, 'none of the issuer’s rules lets them in'],
    ['was kept out', { ...ann, sub: 'kept-out' }, 'they may not come any more'],
  ])('but whom %s is refused, which the audit log knows', async (_, claims, reason) => {
    if (claims.sub === 'kept-out') {
      const { user } = await signIn(claims)
      const out = {
        $typeName: 'edgewise.identity.v1.UpdateUserRequest',
        id: user?.id ?? '',
        roles: [] as string[],
        disabled: true,
      } as const
      await users().updateUser(out, callBy(admin))
    }
    expect(await failureOf(signIn(claims))).toMatchObject({ problem: 'auth.grant' })
    expect(fixture.refusals.at(-1)).toMatchObject({
      workspace: 'main',
      action: 'sign_in',
      resource: 'issuer/idp',
      reason,
    })
  })
})

describe('a client secret', () => {
  const secret = 'a-secret-of-the-client'

  test.each([
    ['as most want it', {}, `Basic ${Buffer.from(`gateway:${secret.replaceAll('-', '%2D')}`).toString('base64')}`],
    [
      'in the body where it must be',
      { token_endpoint_auth_methods_supported: ['client_secret_post'] },
      `gateway:${secret}`,
    ],
  ])('is shown to the provider, %s', async (_, metadata, shown) => {
    provider.state.metadata = metadata
    await declare({ clientSecret: secret })
    await signIn()
    expect(provider.state.clients).toEqual([shown])
  })

  test('is kept while it is not given, is removed by an empty one, and is not for another provider', async () => {
    expect((await declare({ clientSecret: secret })).hasClientSecret).toBe(true)
    expect((await declare()).hasClientSecret).toBe(true)
    const other = await startProvider()
    try {
      const elsewhere = await startIdentity({ outboundAllow: [provider.host, other.host] })
      await elsewhere.identity.bootstrap()
      const put = (issuer: string, more: object = {}) =>
        elsewhere.identity.tokens.putIssuer(
          create(PutIssuerRequestSchema, {
            name: 'idp',
            issuer,
            audiences: ['x'],
            clientId: 'gateway',
            rules: [{ roles: ['viewer'] }],
            ...more,
          }),
          callBy(admin),
        )
      expect((await put(provider.issuer, { clientSecret: secret })).hasClientSecret).toBe(true)
      expect((await put(other.issuer)).hasClientSecret).toBe(false)
      await elsewhere.close()
    } finally {
      await other.close()
    }
    expect((await declare({ clientSecret: '' })).hasClientSecret).toBe(false)
  })
})

describe('a sign-in', () => {
  test('cannot be finished twice, nor in another browser, nor without one', async () => {
    provider.state.claims = ann
    const [mine, theirs] = [await begin(), await begin()]
    const answer = await visit(mine.url)
    for (const attempt of ['', theirs.attempt, mine.attempt.slice(0, -4), 'v1.a.b.c', 'nonsense']) {
      expect(await failureOf(finish(answer, attempt))).toMatchObject({
        problem: 'auth.grant',
        message: 'This sign-in was not begun in this browser, or too long ago.',
      })
    }
    expect((await finish(answer, mine.attempt)).credential).toMatch(/^ews_/)
    expect(await failureOf(finish(answer, mine.attempt))).toMatchObject({
      message: 'This sign-in was finished before.',
    })
  })

  test('cannot be finished after ten minutes', async () => {
    provider.state.claims = ann
    const { url, attempt } = await begin()
    const answer = await visit(url)
    fixture.clock.now += 600_000
    expect((await failureOf(finish(answer, attempt))).problem).toBe('auth.grant')
    fixture.clock.now -= 600_000
  })

  test.each([
    ['by another provider (RFC 9207)', { iss: 'https://evil.example' }, 'INVALID_RESPONSE'],
    ['by nobody in particular', { iss: '' }, 'INVALID_RESPONSE'],
    ['without a code', { code: '' }, 'INVALID_RESPONSE'],
    ['with another code', { code: 'stolen' }, 'refused: invalid_grant'],
    ['with an error', { code: '', error: 'access_denied' }, 'refused: access_denied'],
  ])('that is answered %s is refused', async (_, answer, why) => {
    provider.state.answer = answer
    const failure = await failureOf(signIn())
    expect([failure.problem, failure.message]).toEqual(['auth.grant', expect.stringContaining(why)])
  })

  test.each<[string, object, Record<string, unknown>, string]>([
    ['another nonce', { nonce: 'another' }, {}, 'JWT_CLAIM_COMPARISON'],
    ['another audience', { aud: 'somebody-else' }, {}, 'JWT_CLAIM_COMPARISON'],
    ['another issuer', { iss: 'https://evil.example' }, {}, 'JWT_CLAIM_COMPARISON'],
    ['an expiry that has passed', { exp: 1 }, {}, 'JWT_TIMESTAMP'],
    ['another’s authorized party', { aud: ['gateway', 'other'], azp: 'other' }, {}, 'JWT_CLAIM_COMPARISON'],
    ['a key that is not the provider’s', {}, { kid: 'unknown' }, 'KEY_SELECTION'],
  ])('that ends with a token of %s is refused', async (_, claims, header, why) => {
    provider.state.header = header
    const failure = await failureOf(signIn({ ...ann, ...claims }))
    expect([failure.problem, failure.message]).toEqual(['auth.grant', expect.stringContaining(why)])
  })

  test('holds with a key that the provider has had for a second', async () => {
    await provider.rotate(true)
    expect((await signIn()).credential).toMatch(/^ews_/)
  })

  test('at a provider that is gone says so', async () => {
    const { url, attempt } = await begin()
    const answer = await visit(url)
    provider.state.answering = false
    expect(await failureOf(finish(answer, attempt))).toMatchObject({ problem: 'core.unavailable' })
  })

  test.each([
    ['https://evil.example/'],
    ['//evil.example/'],
    ['/\\evil.example/'],
    ['/\t/evil.example/'],
    ['/.//evil.example/'],
    ['/a/..//evil.example/'],
    ['evil'],
  ])('does not lead to %j', async (returnTo) => {
    const failure = await failureOf(begin({ returnTo }))
    expect(failure).toMatchObject({ problem: 'request.invalid', errors: [{ pointer: 'return_to' }] })
  })

  test('leads back with as much as a cookie can hold', async () => {
    provider.state.claims = ann
    const returnTo = `/${'é'.repeat(166)}`
    const { url, attempt } = await begin({ returnTo })
    expect(attempt.length).toBeLessThan(4_096 - 100)
    expect((await finish(await visit(url), attempt)).returnTo).toBe(encodeURI(returnTo))
    expect((await failureOf(begin({ returnTo: `${returnTo}é` }))).problem).toBe('request.invalid')
    expect((await signIn()).returnTo).toBe('/docs')
  })

  test.each([
    ['a workspace that is not there', { workspace: 'nowhere' }],
    ['an issuer that is not there', { issuer: 'nobody' }],
  ])('does not begin at %s', async (_, init) => {
    expect(await failureOf(begin(init))).toMatchObject({ problem: 'request.invalid', errors: [{ pointer: 'issuer' }] })
  })

  test('does not begin at an issuer whose tokens are believed, and that is all', async () => {
    await declare({ clientId: '' })
    expect((await failureOf(begin())).problem).toBe('request.invalid')
  })

  test.each([
    ['without PKCE by S256', { code_challenge_methods_supported: ['plain'] }],
    ['without a place to sign in at', { authorization_endpoint: undefined }],
    ['with a script as its page', { authorization_endpoint: 'javascript:alert(1)' }],
  ])('cannot be declared at a provider %s', async (_, metadata) => {
    provider.state.metadata = metadata
    expect(await failureOf(declare())).toMatchObject({
      problem: 'request.invalid',
      errors: [{ pointer: '/client_id' }],
    })
    expect((await declare({ clientId: '' })).clientId).toBe('')
  })

  test('is begun and finished by edges alone', async () => {
    const asked = create(BeginSignInRequestSchema, { workspace: 'main', issuer: 'idp' })
    expect((await failureOf(users().beginSignIn(asked, callBy(admin)))).problem).toBe('auth.scope')
    const brought = create(FinishSignInRequestSchema, {})
    expect((await failureOf(users().finishSignIn(brought, callBy(admin)))).problem).toBe('auth.scope')
  })
})
