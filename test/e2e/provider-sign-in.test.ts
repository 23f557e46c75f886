import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { must } from './ask.ts'
import { freePort } from './edge-harness.ts'

let provider: Provider
let product: Product
beforeAll(async () => {
  provider = await startProvider()
  const port = await freePort()
  const env = { OUTBOUND_ALLOW: provider.host, PUBLIC_URL: `http://127.0.0.1:${port}` }
  product = await startProduct({ port, env })
  const rules = [{ claim: 'groups', value: 'analysts', roles: ['viewer'] }]
  const issuer = { issuer: provider.issuer, audiences: ['edgewise'], client_id: 'gateway', rules }
  await must(product, '/v1/issuers/idp', { method: 'PUT', json: issuer })
})
afterAll(() => Promise.all([product?.stop(), provider?.close()]))
beforeEach(() => {
  Object.assign(provider.state, { claims: { email: 'ann@example.com', groups: ['analysts'] }, answer: {} })
})

/** One step of a browser: where it is sent is for the test to follow. */
function step(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(new URL(url, product.url), { redirect: 'manual', headers })
}

const setCookies = (response: Response) =>
  new Map(response.headers.getSetCookie().map((line) => [line.slice(0, line.indexOf('=')), line]))
const valueOf = (line = '') => line.slice(0, line.indexOf(';'))

/** Up to where the provider sends the browser back to. */
async function went(query = 'workspace=main&issuer=idp&return_to=/docs') {
  const begun = await step(`/v1/sessions/sign-in?${query}`)
  const atProvider = await step(begun.headers.get('location') ?? '')
  const attempt = setCookies(begun).get('__Host-edgewise-sign-in')
  return { begun, attempt, cookie: valueOf(attempt), back: atProvider.headers.get('location') ?? '' }
}

describe('a browser', () => {
  test('goes to the provider and comes back signed in, with nothing that a script can read', async () => {
    const { begun, attempt, cookie, back } = await went()
    expect(begun.status).toBe(303)
    expect(begun.headers.get('cache-control')).toBe('no-store')
    expect(attempt).toMatch(/^__Host-edgewise-sign-in=[\w.-]+; Path=\/; Max-Age=600; Secure; HttpOnly; SameSite=Lax$/)
    const signedIn = await step(back, { cookie })
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/docs'])
    expect(signedIn.headers.get('referrer-policy')).toBe('no-referrer')
    const cookies = setCookies(signedIn)
    expect(cookies.get('__Host-edgewise')).toMatch(
      /^__Host-edgewise=ews_[\w-]{43}; Path=\/; Max-Age=2\d{4}; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(cookies.get('__Host-edgewise-sign-in')).toContain('Max-Age=0')
    const me = await step('/v1/sessions/current', { cookie: valueOf(cookies.get('__Host-edgewise')) })
    expect(await me.json()).toMatchObject({ workspace: 'main', scopes: expect.arrayContaining(['sql:read']) })

    const { json: seen } = await must<{ data: object[] }>(product, '/v1/audit?limit=5')
    expect(seen.data).toContainEqual(expect.objectContaining({ action: 'sign_in', outcome: 'done' }))
  })

  test('that brings back what another began is told so, as a page and as a problem', async () => {
    const [mine, theirs] = [await went(), await went()]
    const shown = await step(mine.back, { cookie: theirs.cookie, accept: 'text/html,*/*' })
    expect([shown.status, shown.headers.get('content-type'), shown.headers.get('cache-control')]).toEqual([
      400,
      'text/html; charset=utf-8',
      'no-store',
    ])
    expect(await shown.text()).toContain('not begun in this browser')
    expect(setCookies(shown).size).toBe(0)
    const told = await step(mine.back)
    expect(await told.json()).toMatchObject({ status: 400, code: 'auth.grant' })
    // What went wrong elsewhere has not used it up.
    expect((await step(mine.back, { cookie: mine.cookie })).status).toBe(303)
    expect((await step(mine.back, { cookie: mine.cookie })).status).toBe(400)
  })

  test('that the provider lets in and no rule does has no session', async () => {
    provider.state.claims = { sub: 'eve', groups: ['others'] }
    const { cookie, back } = await went()
    const answer = await step(back, { cookie })
    expect(answer.status).toBe(400)
    expect(setCookies(answer).size).toBe(0)
  })

  test.each([
    ['leads elsewhere', 'workspace=main&issuer=idp&return_to=//evil.example', 'return_to'],
    ['names no provider', 'workspace=main&issuer=nobody', 'issuer'],
    ['names no workspace', 'issuer=idp', 'workspace'],
  ])('is not sent anywhere when the link %s', async (_, query, pointer) => {
    const answer = await step(`/v1/sessions/sign-in?${query}`)
    expect(answer.headers.get('location')).toBeNull()
    expect(await answer.json()).toMatchObject({ status: 400, errors: [{ pointer }] })
  })
})

test('no secret of a sign-in is in the logs', async () => {
  const { cookie, back } = await went()
  await step(back, { cookie })
  const { readFileSync, readdirSync } = await import('node:fs')
  const folder = `${product.data}/logs`
  const logs = readdirSync(folder)
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
    .join('\n')
  const code = new URL(back).searchParams.get('code') ?? ''
  for (const secret of [code, cookie]) expect(logs).not.toContain(secret)
})
