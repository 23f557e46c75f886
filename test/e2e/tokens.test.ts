import { createRemoteJWKSet, jwtVerify } from 'jose'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { ask, must, newKey } from './ask.ts'

interface Token {
  readonly access_token: string
  readonly refresh_token?: string
  readonly expires_in: number
  readonly scope: string
}

let provider: Provider
let product: Product
beforeAll(async () => {
  provider = await startProvider()
  product = await startProduct({ env: { OUTBOUND_ALLOW: provider.host } })
  const lines = ['a', 'b'].map((tenant, n) => `{"time":"2026-10-11T10:00:00Z","tenant":"${tenant}","n":${n}}`)
  await must(product, '/v1/events/orders?wait=true', { body: lines.join('\n') })
  const sql = 'SELECT tenant, count() AS n FROM orders GROUP BY tenant ORDER BY tenant'
  await must(product, '/v1/queries/by_tenant', { method: 'PUT', json: { sql, cache: { ttl_s: 60 } } })
})
afterAll(() => Promise.all([product?.stop(), provider.close()]))

const form = (fields: Record<string, string>) => ({
  body: new URLSearchParams(fields).toString(),
  type: 'application/x-www-form-urlencoded',
})
const refresh = (refresh_token: string) =>
  ask<Token & { error?: string }>(product, '/v1/token', {
    key: null,
    ...form({ grant_type: 'refresh_token', refresh_token }),
  })

async function untilRefused(key: string, path: string): Promise<number> {
  const began = performance.now()
  while ((await ask(product, path, { key })).status !== 401) {
    if (performance.now() - began > 10_000) throw new Error('it was never refused')
    await sleep(100)
  }
  return performance.now() - began
}

describe('a token of ours', () => {
  test('for embedding shows a tenant its rows and nothing else, by endpoint, by SQL and from the cache', async () => {
    const { key } = await newKey(product, { scopes: ['endpoints:read', 'sql:read'] })
    expect((await ask(product, '/v1/endpoints/by_tenant.json', { key })).json['data']).toHaveLength(2)
    const { json, headers } = await must<Token>(product, '/v1/token', {
      key,
      json: { grant_type: 'client_credentials', filters: { orders: { tenant: 'a' } }, ttl_s: 120 },
    })
    expect([json.expires_in, json.scope, headers.get('cache-control')]).toEqual([
      120,
      'endpoints:read sql:read',
      'no-store',
    ])
    for (let i = 0; i < 3; i++) {
      const seen = await ask(product, '/v1/endpoints/by_tenant.json', { key: json.access_token })
      expect(seen.json['data']).toEqual([{ tenant: 'a', n: 1 }])
    }
    const sql = { query: 'SELECT count() AS n FROM orders' }
    expect((await ask(product, '/v1/sql', { key: json.access_token, json: sql })).json['data']).toEqual([{ n: 1 }])
    expect((await ask(product, '/v1/keys', { key: json.access_token })).status).toBe(403)
  })

  test('can be verified by anybody, with what is published', async () => {
    const { access_token: token } = (
      await must<Token>(product, '/v1/token', form({ grant_type: 'client_credentials', scope: 'sql:read' }))
    ).json
    const { json: about } = await ask<{ issuer: string; jwks_uri: string }>(
      product,
      '/.well-known/openid-configuration',
      { key: null },
    )
    expect(about.jwks_uri).toBe(`${about.issuer}/.well-known/jwks.json`)
    const keys = createRemoteJWKSet(new URL(`${product.url}/.well-known/jwks.json`))
    const { payload } = await jwtVerify(token, keys, { issuer: about.issuer, audience: about.issuer, typ: 'at+jwt' })
    expect(payload).toMatchObject({ scope: 'sql:read' })
  })

  test('ends within five seconds of its key', async () => {
    const { id, key } = await newKey(product, { scopes: ['endpoints:read'] })
    const { json } = await must<Token>(product, '/v1/token', { key, json: { grant_type: 'client_credentials' } })
    const path = '/v1/endpoints/by_tenant.json'
    expect((await ask(product, path, { key: json.access_token })).status).toBe(200)
    await must(product, `/v1/keys/${id}`, { method: 'DELETE' })
    expect(await untilRefused(json.access_token, path)).toBeLessThan(5_000)
  })

  test('is renewed by a refresh token once; the second time everything ends within five seconds', async () => {
    const { key } = await newKey(product, { scopes: ['endpoints:read'] })
    const first = await must<Token>(product, '/v1/token', {
      key,
      ...form({ grant_type: 'client_credentials', scope: 'endpoints:read offline_access' }),
    })
    const stolen = first.json.refresh_token ?? ''
    const second = await refresh(stolen)
    const path = '/v1/endpoints/by_tenant.json'
    expect((await ask(product, path, { key: second.json.access_token })).status).toBe(200)
    expect(await refresh(stolen)).toMatchObject({ status: 400, json: { error: 'invalid_grant', code: 'auth.grant' } })
    expect((await refresh(second.json.refresh_token ?? '')).status).toBe(400)
    expect(await untilRefused(second.json.access_token, path)).toBeLessThan(5_000)
  })

  test.each([
    ['no credential', { key: null, ...form({ grant_type: 'client_credentials' }) }, 401, 'invalid_client'],
    [
      'an unknown key',
      { key: null, ...form({ grant_type: 'client_credentials', client_secret: 'ew_x' }) },
      401,
      'invalid_client',
    ],
    ['an unknown grant', form({ grant_type: 'password' }), 400, 'invalid_request'],
    [
      'a field twice',
      { body: 'grant_type=refresh_token&grant_type=refresh_token', type: 'application/x-www-form-urlencoded' },
      400,
      'invalid_request',
    ],
    ['an unknown field', form({ grant_type: 'client_credentials', audience: 'x' }), 400, 'invalid_request'],
    [
      'more than the key has',
      { json: { grant_type: 'client_credentials', scope: 'nonsense:all' } },
      400,
      'invalid_request',
    ],
    ['no body', { method: 'POST', type: 'application/json', body: '' }, 400, 'invalid_request'],
    ['text', { body: 'hello', type: 'text/plain' }, 415, 'invalid_request'],
  ])('is not given for %s', async (_, asked, status, error) => {
    expect(await ask(product, '/v1/token', asked)).toMatchObject({ status, json: { error } })
  })

  test('is asked for with HTTP Basic too, as OAuth clients do', async () => {
    const { id, key } = await newKey(product, { scopes: ['endpoints:read'] })
    const authorization = `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}`
    const answer = await ask<Token>(product, '/v1/token', {
      key: null,
      headers: { authorization },
      ...form({ grant_type: 'client_credentials' }),
    })
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'Bearer', scope: 'endpoints:read' } })
  })
})

describe('a token of a provider', () => {
  const declaration = () => ({
    issuer: provider.issuer,
    audiences: ['edgewise'],
    rules: [{ claim: 'groups', value: '/analysts', roles: ['viewer'] }],
  })

  test('is believed once the provider is declared, by the edge alone, and no longer once it is not', async () => {
    const token = await provider.token({ groups: ['/analysts'] })
    const path = '/v1/endpoints/by_tenant.json'
    expect((await ask(product, path, { key: token })).status).toBe(401)
    await must(product, '/v1/issuers/okta', { method: 'PUT', json: declaration() })
    await expect.poll(async () => (await ask(product, path, { key: token })).status, { timeout: 6_000 }).toBe(200)
    const sql = { query: 'SELECT count() AS n FROM orders' }
    expect((await ask(product, '/v1/sql', { key: token, json: sql })).json['data']).toEqual([{ n: 2 }])
    expect((await ask(product, '/v1/keys', { key: token })).status).toBe(403)

    // A new key, while the provider is there; then tokens by the known keys, while it is not.
    await provider.rotate()
    await sleep(10_100)
    expect((await ask(product, path, { key: await provider.token({ groups: ['/analysts'] }) })).status).toBe(200)
    provider.state.answering = false
    const bob = await provider.token({ groups: ['/analysts'], sub: 'bob' })
    expect((await ask(product, path, { key: bob })).status).toBe(200)
    provider.state.answering = true

    await must(product, '/v1/issuers/okta', { method: 'DELETE' })
    expect(await untilRefused(token, path)).toBeLessThan(5_000)
  })

  test('an address of this machine is not called unless the operator allows it', async () => {
    for (const issuer of ['http://127.0.0.1:9', 'https://localhost:9', 'https://169.254.169.254/latest']) {
      const answer = await ask(product, '/v1/issuers/evil', { method: 'PUT', json: { ...declaration(), issuer } })
      expect(answer.status).toBeGreaterThanOrEqual(400)
    }
  })
})

test('who tries too often is told to wait, whatever address they claim to come from', async () => {
  const attempt = (n: number) =>
    ask(product, '/v1/token', {
      key: null,
      headers: { 'cf-connecting-ip': `192.0.2.${n % 250}`, 'x-forwarded-for': `198.51.100.${n % 250}` },
      ...form({ grant_type: 'refresh_token', refresh_token: `ewr_${n}` }),
    })
  const answers = await Promise.all(Array.from({ length: 350 }, (_, n) => attempt(n)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400, 429]))
  const late = answers.find(({ status }) => status === 429)
  expect(late?.json).toMatchObject({ code: 'limit.rate', error: 'slow_down' })
  expect(Number(late?.headers.get('retry-after'))).toBeGreaterThan(0)
})
