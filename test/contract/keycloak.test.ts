import { decodeProtectedHeader } from 'jose'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, must } from '../e2e/ask.ts'
import { freePort } from '../e2e/edge-harness.ts'
import { type Keycloak, startKeycloak } from '../support/keycloak.ts'
import { program } from '../support/optional.ts'
import { type Product, startProduct } from '../support/product.ts'

const kc = program('kc.sh')
const chrome = program('chromium')

const realm = 'shop'
const password = 'correct horse battery'
const secrets = { gateway: 'secret-of-the-gateway', billing: 'secret-of-billing' }
const signInPath = '/v1/sessions/sign-in?workspace=main&issuer=keycloak&return_to=/docs'

let keycloak: Keycloak
let product: Product
let browser: Browser

/** Who is there: analysts and others, the gateway as a client that people sign in to, and a service. */
function realmOf(gateway: string) {
  const user = (username: string, group: string) => ({
    username,
    email: `${username}@example.com`,
    emailVerified: true,
    firstName: username,
    lastName: 'Example',
    enabled: true,
    credentials: [{ type: 'password', value: password, temporary: false }],
    groups: [group],
  })
  const mapper = (name: string, protocolMapper: string, config: Record<string, string>) => ({
    name,
    protocol: 'openid-connect',
    protocolMapper,
    config: { 'access.token.claim': 'true', ...config },
  })
  const audience = mapper('audience', 'oidc-audience-mapper', { 'included.custom.audience': 'edgewise' })
  const groups = mapper('groups', 'oidc-group-membership-mapper', {
    'claim.name': 'groups',
    'full.path': 'true',
    'id.token.claim': 'true',
  })
  return {
    realm,
    enabled: true,
    roles: { realm: [{ name: 'sender' }] },
    groups: [{ name: 'analysts' }, { name: 'leads' }, { name: 'visitors' }],
    users: [
      user('ann', '/analysts'),
      user('eve', '/visitors'),
      {
        username: 'service-account-billing',
        serviceAccountClientId: 'billing',
        enabled: true,
        realmRoles: ['sender'],
      },
    ],
    clients: [
      {
        clientId: 'gateway',
        secret: secrets.gateway,
        standardFlowEnabled: true,
        directAccessGrantsEnabled: true,
        redirectUris: [`${gateway}/v1/sessions/callback`],
        attributes: { 'pkce.code.challenge.method': 'S256' },
        protocolMappers: [audience, groups],
      },
      {
        clientId: 'billing',
        secret: secrets.billing,
        standardFlowEnabled: false,
        serviceAccountsEnabled: true,
        protocolMappers: [audience],
      },
    ],
  }
}

const ready = kc !== undefined && chrome !== undefined
beforeAll(async () => {
  if (kc === undefined || chrome === undefined) return
  const [port, keycloakPort] = [await freePort(), await freePort()]
  const gateway = `http://127.0.0.1:${port}`
  keycloak = await startKeycloak(kc, keycloakPort)
  await keycloak.manage('POST', '', realmOf(gateway))
  product = await startProduct({ port, env: { PUBLIC_URL: gateway, OUTBOUND_ALLOW: keycloak.host } })
  await must(product, '/v1/events/orders?wait=true', { body: '{"time":"2026-10-11T10:00:00Z","n":1}' })
  await must(product, '/v1/issuers/keycloak', {
    method: 'PUT',
    json: {
      issuer: keycloak.issuer(realm),
      audiences: ['edgewise'],
      client_id: 'gateway',
      client_secret: secrets.gateway,
      rules: [
        { claim: 'groups', value: '/analysts', roles: ['viewer'] },
        { claim: 'groups', value: '/leads', roles: ['editor'] },
        { claim: 'realm_access.roles', value: 'sender', roles: ['editor'] },
      ],
    },
  })
  browser = await chromium.launch({
    executablePath: chrome,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
  })
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await Promise.all([product?.stop(), keycloak?.stop()])
})

async function tokenOf(username: string): Promise<string> {
  const form = { grant_type: 'password', client_id: 'gateway', client_secret: secrets.gateway, scope: 'openid' }
  return (await keycloak.tokens(realm, { ...form, username, password })).access_token
}

async function serviceToken(): Promise<string> {
  const form = { grant_type: 'client_credentials', client_id: 'billing', client_secret: secrets.billing }
  return (await keycloak.tokens(realm, form)).access_token
}

/** Fills in Keycloak's own form. */
async function logIn(page: Page, username: string): Promise<void> {
  await page.goto(product.url + signInPath)
  expect(new URL(page.url()).host).toBe(keycloak.host)
  await page.fill('#username', username)
  await page.fill('#password', password)
  await page.click('#kc-login')
  await page.waitForURL((url) => url.origin === product.url)
}

/** A browser that nobody has signed in with. What the page asks, our policy of content does not let pages of ours ask yet. */
async function newPage(): Promise<Page> {
  return (await browser.newContext({ bypassCSP: true })).newPage()
}

interface Init {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** Asks the gateway as a script of the page does. */
function fromPage(page: Page, path: string, init: Init = {}) {
  return page.evaluate(
    async ([to, given]) => {
      const response = await fetch(to, given)
      return { status: response.status, json: (await response.json()) as Record<string, unknown> }
    },
    [path, init] as const,
  )
}

const canRead = async (key: string) =>
  (await ask(product, '/v1/sql', { key, json: { query: 'SELECT count() AS n FROM orders' } })).status
const canSend = async (key: string) =>
  (await ask(product, '/v1/events/orders', { key, body: '{"time":"2026-10-11T10:00:00Z","n":2}' })).status

describe.skipIf(!ready)('with Keycloak', () => {
  test('somebody signs in with a browser, and can do what the group’s role allows', { timeout: 60_000 }, async () => {
    const page = await newPage()
    await logIn(page, 'ann')
    expect(page.url()).toBe(`${product.url}/docs`)
    expect(await page.evaluate('document.cookie')).toBe('')
    const me = await fromPage(page, '/v1/sessions/current')
    expect(me.json).toMatchObject({ workspace: 'main', scopes: expect.arrayContaining(['sql:read']) })
    const sql = {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-csrf-token': String(me.json['csrf_token']) },
      body: JSON.stringify({ query: 'SELECT count() AS n FROM orders' }),
    }
    expect(await fromPage(page, '/v1/sql', sql)).toMatchObject({ status: 200, json: { data: [{ n: 1 }] } })
    expect((await fromPage(page, '/v1/keys')).status).toBe(403)

    // Another group at the next sign-in, for which Keycloak does not ask again.
    const [ann] = (await keycloak.manage('GET', `/${realm}/users?username=ann`)) as readonly { readonly id: string }[]
    const groups = (await keycloak.manage('GET', `/${realm}/groups`)) as readonly {
      readonly id: string
      readonly name: string
    }[]
    const leads = groups.find(({ name }) => name === 'leads')
    await keycloak.manage('PUT', `/${realm}/users/${ann?.id}/groups/${leads?.id}`)
    await page.goto(product.url + signInPath)
    expect(page.url()).toBe(`${product.url}/docs`)
    expect((await fromPage(page, '/v1/sessions/current')).json['scopes']).toContain('queries:write')
    await page.context().close()
  })

  test('somebody in no group that a rule names is told so, and has no session', { timeout: 60_000 }, async () => {
    const page = await newPage()
    await logIn(page, 'eve')
    expect(await page.textContent('main')).toContain('you have no access here')
    expect(await page.context().cookies(product.url)).toEqual(
      expect.not.arrayContaining([expect.objectContaining({ name: '__Host-edgewise' })]),
    )
    await page.context().close()
  })

  test('a token says by its groups and roles who its bearer is', async () => {
    expect(await canRead(await tokenOf('ann'))).toBe(200)
    expect(await canRead(await tokenOf('eve'))).toBe(401)
  })

  test('a service comes with its own credentials, and exchanges its token for one of ours', async () => {
    const token = await serviceToken()
    expect(await canSend(token)).toBe(202)
    expect((await ask(product, '/v1/keys', { key: token })).status).toBe(403)
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      scope: 'sql:read',
    }
    const type = 'application/x-www-form-urlencoded'
    const asked = { key: null, type, body: new URLSearchParams(form).toString() }
    const { json } = await must<{ access_token: string }>(product, '/v1/token', asked)
    expect([await canRead(json.access_token), await canSend(json.access_token)]).toEqual([200, 403])
  })

  test('keys rotate: tokens of the old one and of the new one hold', { timeout: 60_000 }, async () => {
    const before = await serviceToken()
    const { id } = (await keycloak.manage('GET', `/${realm}`)) as { readonly id: string }
    await keycloak.manage('POST', `/${realm}/components`, {
      name: 'newer',
      providerId: 'rsa-generated',
      providerType: 'org.keycloak.keys.KeyProvider',
      parentId: id,
      config: { priority: ['200'], enabled: ['true'], active: ['true'], algorithm: ['RS256'] },
    })
    const after = await serviceToken()
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid)
    // A provider is asked for its keys once in ten seconds at most.
    await expect.poll(() => canRead(after), { timeout: 15_000, interval: 500 }).toBe(200)
    expect(await canRead(before)).toBe(200)
    const page = await newPage()
    await logIn(page, 'ann')
    expect(page.url()).toBe(`${product.url}/docs`)
    await page.context().close()
  })

  test('stopped, its tokens and the sessions that came of it hold on', { timeout: 60_000 }, async () => {
    const page = await newPage()
    await logIn(page, 'ann')
    const [service, ann] = [await serviceToken(), await tokenOf('ann')]
    await keycloak.stop()
    // Neither was seen here before.
    expect([await canSend(service), await canRead(ann)]).toEqual([202, 200])
    await product.killCore()
    expect([await canSend(service), await canRead(ann)]).toEqual([202, 200])
    expect((await fromPage(page, '/v1/sessions/current')).status).toBe(200)
    await page.context().close()
  })
})
