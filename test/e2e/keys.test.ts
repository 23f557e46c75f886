import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey } from './ask.ts'

interface Verified {
  readonly valid: boolean
  readonly code: string
  readonly limits?: { readonly remaining: number }
}

let product: Product
beforeAll(async () => {
  product = await startProduct()
})
afterAll(() => product?.stop())

const verify = (key: string, more: object = {}, by?: string) =>
  must<Verified>(product, '/v1/keys/verify', { json: { key, ...more }, ...(by !== undefined && { key: by }) })

describe('a key for a user’s own service', () => {
  test('is verified with what was said of it, its scopes, and its limit, which keys of a subject share', async () => {
    const plan = { name: 'free', requests: 10, window_s: 3_600 }
    const same = { scopes: ['app:invoices:read'], plan, subject: 'customer-7', meta: { tier: 'gold', seats: 3 } }
    const [one, two] = [await newKey(product, same), await newKey(product, same)]
    expect((await verify(one.key, { scopes: ['app:invoices:read'], cost: 4 })).json).toMatchObject({
      valid: true,
      code: 'VALID',
      key_id: one.id,
      subject: 'customer-7',
      meta: { tier: 'gold', seats: 3 },
      limits: { limit: 10, remaining: 6 },
    })
    expect((await verify(one.key, { scopes: ['app:invoices:write'] })).json).toMatchObject({
      valid: false,
      code: 'INSUFFICIENT_SCOPES',
    })
    expect((await verify(two.key, { cost: 6 })).json).toMatchObject({ valid: true, limits: { remaining: 0 } })
    for (const { key } of [one, two])
      expect((await verify(key)).json).toMatchObject({ valid: false, code: 'RATE_LIMITED' })
    expect((await verify(one.key, { cost: 0 })).json).toMatchObject({ valid: true })
  })

  test('that is unknown, revoked, or of another workspace is not found', async () => {
    const { id, key } = await newKey(product, { scopes: ['app:x'] })
    expect((await verify(key)).json.code).toBe('VALID')
    await must(product, `/v1/keys/${id}`, { method: 'DELETE' })
    await expect.poll(async () => (await verify(key)).json.code, { timeout: 5_000 }).toBe('NOT_FOUND')
    const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'elsewhere' } })
    const foreign = made.json.key.key
    expect((await verify(foreign)).json).toEqual({ valid: false, code: 'NOT_FOUND' })
    expect((await verify(product.key, {}, foreign)).json).toEqual({ valid: false, code: 'NOT_FOUND' })
    for (const invented of ['x', 'ew_invented', 'é', '💥', 'a b']) {
      expect((await verify(invented)).json).toEqual({ valid: false, code: 'NOT_FOUND' })
    }
    const { key: powerless } = await newKey(product, { scopes: ['sql:read'] })
    expect((await ask(product, '/v1/keys/verify', { key: powerless, json: { key } })).status).toBe(403)
  })

  test('is imported by its hash, verified by its text, and opens nothing here', async () => {
    const text = 'sk_live_of_another_system'
    const hash = createHash('sha256').update(text).digest('hex')
    const made = await must<{ id: string; key?: string }>(product, '/v1/keys', {
      json: { name: 'imported', scopes: ['app:x', 'sql:read'], hash, meta: { from: 'unkey' } },
    })
    expect(made.json.key).toBeUndefined()
    expect((await verify(text)).json).toMatchObject({ valid: true, key_id: made.json.id, meta: { from: 'unkey' } })
    expect((await ask(product, '/v1/sql', { key: text, json: { query: 'SELECT 1' } })).status).toBe(401)
    const again = await ask(product, '/v1/keys', { json: { name: 'again', scopes: ['app:x'], hash } })
    expect(again).toMatchObject({ status: 409, json: { code: 'resource.exists' } })
    await must(product, `/v1/keys/${made.json.id}`, { method: 'DELETE' })
    await expect.poll(async () => (await verify(text)).json.code, { timeout: 5_000 }).toBe('NOT_FOUND')
  })
})

describe('a key', () => {
  test('is rerolled with a grace period in which both hold', async () => {
    const old = await newKey(product, { scopes: ['sql:read'], meta: { team: 'a' } })
    const { json: next } = await must<{ id: string; key: string; meta: object }>(product, `/v1/keys/${old.id}/reroll`, {
      json: { grace_s: 3 },
    })
    expect(next.meta).toEqual({ team: 'a' })
    const sql = { query: 'SELECT 1 AS n' }
    const status = async (key: string) => (await ask(product, '/v1/sql', { key, json: sql })).status
    expect([await status(old.key), await status(next.key)]).toEqual([200, 200])
    const shown = await must<{ replaced_by: string }>(product, `/v1/keys/${old.id}`)
    expect(shown.json.replaced_by).toBe(next.id)
    expect((await ask(product, `/v1/keys/${old.id}/reroll`, { json: {} })).status).toBe(404)
    await sleep(3_100)
    expect([await status(old.key), await status(next.key)]).toEqual([401, 200])
  })

  test('is nothing outside its networks and origins', async () => {
    const inside = await newKey(product, { scopes: ['sql:read'], addresses: ['127.0.0.0/8', '::1'] })
    const outside = await newKey(product, { scopes: ['sql:read', 'keys:admin'], addresses: ['192.0.2.0/24'] })
    const sql = { query: 'SELECT 1 AS n' }
    const asked = (key: string, headers: Record<string, string> = {}) =>
      ask(product, '/v1/sql', { key, json: sql, headers })
    expect((await asked(inside.key)).status).toBe(200)
    const refused = await asked(outside.key, { 'x-forwarded-for': '192.0.2.1', 'cf-connecting-ip': '192.0.2.1' })
    expect(refused).toMatchObject({ status: 403, json: { code: 'auth.place' } })
    const browser = await newKey(product, { scopes: ['sql:read'], origins: ['https://app.example.com'] })
    const fromApp = await asked(browser.key, { origin: 'https://app.example.com' })
    expect([fromApp.status, fromApp.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://app.example.com',
    ])
    expect((await asked(browser.key, { origin: 'https://evil.example' })).json).toMatchObject({ code: 'auth.place' })
    expect((await asked(browser.key)).json).toMatchObject({ code: 'auth.place' })
  })

  test.each([
    [{ addresses: ['300.1.1.1'] }, '/addresses/0'],
    [{ addresses: ['10.0.0.0/33'] }, '/addresses/0'],
    [{ origins: ['app.example.com'] }, '/origins/0'],
    [{ hash: 'abc' }, '/hash'],
    [{ meta: { long: 'x'.repeat(5_000) } }, '/meta'],
    [{ scopes: ['app:'] }, '/scopes/0'],
  ])('is not made with %o', async (wrong, pointer) => {
    const answer = await ask<{ errors: object[] }>(product, '/v1/keys', {
      json: { name: 'x', scopes: ['app:x'], ...wrong },
    })
    expect(answer).toMatchObject({ status: 400, json: { errors: [{ pointer }] } })
  })

  test('says when it is about to expire', async () => {
    const soon = new Date(Date.now() + 86_400_000).toISOString()
    const { key } = await newKey(product, { scopes: ['sql:read'], expires_at: soon })
    const answer = await ask(product, '/v1/sql', { key, json: { query: 'SELECT 1' } })
    expect(answer.headers.get('edgewise-key-expires')).toBe(soon)
    const other = await newKey(product, { scopes: ['sql:read'] })
    const silent = await ask(product, '/v1/sql', { key: other.key, json: { query: 'SELECT 1' } })
    expect(silent.headers.get('edgewise-key-expires')).toBeNull()
  })
})
