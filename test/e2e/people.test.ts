import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeAt } from '../../core/identity/totp.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, type Asked, must } from './ask.ts'

const password = 'correct horse battery'
const host = '__Host-edgewise='

let product: Product
beforeAll(async () => {
  product = await startProduct()
})
afterAll(() => product?.stop())

/** As a browser would: what was set comes back. */
class Browser {
  readonly cookies = new Map<string, string>()
  csrf = ''

  async ask<T = Record<string, unknown>>(path: string, asked: Asked = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { cookie, 'sec-fetch-site': 'same-origin', 'x-csrf-token': this.csrf, ...asked.headers }
    const answer = await ask<T>(product, path, { key: null, ...asked, headers })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return answer
  }

  async signIn(email: string, more: object = {}) {
    const answer = await this.ask<{ csrf_token?: string; code?: string }>('/v1/sessions', {
      json: { workspace: 'main', email, password, ...more },
    })
    this.csrf = answer.json.csrf_token ?? ''
    return answer
  }
}

async function person(email: string, roles: readonly string[]) {
  const { json } = await must<{ id: string; invitation: string }>(product, '/v1/users', { json: { email, roles } })
  const accepted = { invitation: json.invitation, password }
  await must(product, '/v1/users/accept', { key: null, json: accepted })
  return json.id
}

async function untilRefused(browser: Browser): Promise<number> {
  const began = performance.now()
  while ((await browser.ask('/v1/sessions/current')).status !== 401) {
    if (performance.now() - began > 10_000) throw new Error('it was never refused')
    await sleep(100)
  }
  return performance.now() - began
}

describe('a person', () => {
  test('signs in with a cookie that no script can read, and does what the roles allow', async () => {
    await person('ann@example.com', ['editor'])
    const browser = new Browser()
    const signedIn = await browser.signIn('ann@example.com')
    expect(signedIn.status).toBe(201)
    for (const line of signedIn.headers.getSetCookie()) {
      expect(line).toMatch(
        /^__Host-edgewise[\w-]*=\w+_[\w-]{43}; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Lax$/,
      )
    }
    expect(signedIn.text).not.toContain(browser.cookies.get('__Host-edgewise'))
    const me = await browser.ask<{ csrf_token: string; workspace: string }>('/v1/sessions/current')
    expect(me.json).toMatchObject({ workspace: 'main', csrf_token: browser.csrf })
    const row = { body: '{"time":"2026-10-11T10:00:00Z","n":1}' }
    expect((await browser.ask('/v1/events/clicks?wait=true', row)).status).toBe(200)
    expect((await browser.ask('/v1/sql', { json: { query: 'SELECT n FROM clicks' } })).json['data']).toEqual([{ n: 1 }])
    expect((await browser.ask('/v1/keys')).status).toBe(403)
    expect((await browser.ask('/v1/users')).status).toBe(403)
  })

  test('who signs out, is disabled, or is given other roles, is that everywhere within five seconds', async () => {
    const id = await person('bob@example.com', ['owner'])
    const [first, second] = [new Browser(), new Browser()]
    await first.signIn('bob@example.com')
    await second.signIn('bob@example.com')
    const stolen = new Browser()
    for (const [name, value] of first.cookies) stolen.cookies.set(name, value)
    expect((await first.ask('/v1/sessions/current', { method: 'DELETE' })).status).toBe(204)
    expect(first.cookies.has('__Host-edgewise')).toBe(false)
    expect(await untilRefused(stolen)).toBeLessThan(5_000)

    expect((await second.ask('/v1/keys')).status).toBe(200)
    await must(product, `/v1/users/${id}`, { method: 'PATCH', json: { roles: ['viewer'] } })
    await expect.poll(async () => (await second.ask('/v1/keys')).status, { timeout: 5_000 }).toBe(403)
    await must(product, `/v1/users/${id}`, { method: 'PATCH', json: { disabled: true } })
    expect(await untilRefused(second)).toBeLessThan(5_000)
  })

  test('with an authenticator app needs its code, and is asked for it only after the password', async () => {
    await person('carol@example.com', ['viewer'])
    const browser = new Browser()
    await browser.signIn('carol@example.com')
    const { json: enrolled } = await browser.ask<{ secret: string }>('/v1/users/me/totp', { method: 'POST' })
    const code = (offset = 0) => codeAt(enrolled.secret, Math.floor(Date.now() / 30_000) + offset)
    const confirmed = await browser.ask('/v1/users/me/totp', { method: 'PUT', json: { code: code(-1) } })
    expect(confirmed.json).toMatchObject({ totp: true })
    const other = new Browser()
    expect((await other.signIn('carol@example.com')).json).toMatchObject({ code: 'auth.code' })
    expect((await other.signIn('carol@example.com', { password: 'wrong, all wrong' })).json).toMatchObject({
      code: 'auth.invalid',
    })
    expect((await other.signIn('carol@example.com', { code: code() })).status).toBe(201)
  })
})

describe('a request that another site makes a browser send', () => {
  test.each([
    ['without the token', { 'x-csrf-token': '' }],
    ['with another session’s token', { 'x-csrf-token': 'A'.repeat(43) }],
    ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ['from a sibling host', { 'sec-fetch-site': 'same-site' }],
    ['from another origin', { origin: 'https://evil.example' }],
    ['from nowhere', { origin: 'null' }],
  ])('is refused: %s', async (_, headers) => {
    const browser = new Browser()
    await browser.signIn('ann@example.com')
    const row = { body: '{"time":"2026-10-11T10:00:00Z","n":2}', headers: headers as Record<string, string> }
    expect(await browser.ask('/v1/events/clicks', row)).toMatchObject({ status: 403, json: { code: 'auth.csrf' } })
  })

  test('for reading, gets nothing either', async () => {
    const browser = new Browser()
    await browser.signIn('ann@example.com')
    const answer = await browser.ask('/v1/sessions/current', { headers: { 'sec-fetch-site': 'cross-site' } })
    expect(answer.json).toMatchObject({ code: 'auth.csrf' })
  })

  test('a session is nothing in a header, and a cookie of another name or shape is nothing', async () => {
    const browser = new Browser()
    await browser.signIn('ann@example.com')
    const session = browser.cookies.get('__Host-edgewise') ?? ''
    expect((await ask(product, '/v1/sessions/current', { key: session })).status).toBe(401)
    for (const cookie of [`edgewise=${session}`, `${host}${session}x`, `${host}ew_x`, 'nonsense']) {
      expect((await ask(product, '/v1/sessions/current', { key: null, headers: { cookie } })).status).toBe(401)
    }
  })
})

test('no secret is in the logs', async () => {
  const browser = new Browser()
  await browser.signIn('ann@example.com')
  await browser.signIn('ann@example.com', { password: 'a wrong password for the log' })
  const { readFileSync, readdirSync } = await import('node:fs')
  const folder = `${product.data}/logs`
  const logs = readdirSync(folder)
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
    .join('\n')
  for (const secret of [password, 'a wrong password for the log', browser.cookies.get('__Host-edgewise') ?? password]) {
    expect(logs).not.toContain(secret)
  }
})
