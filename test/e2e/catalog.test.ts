import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { workspaceScopes } from '#mesh/scopes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, rows } from './ask.ts'

let product: Product
/** An administrator of another workspace. */
let stranger: string

beforeAll(async () => {
  product = await startProduct()
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
  stranger = made.json.key.key
})
afterAll(() => product?.stop())

interface Entry {
  readonly version: number
  readonly created_at: string
  readonly updated_at: string
}

const put = (path: string, json: unknown, headers = {}, key = product.key) =>
  ask<Entry & { code: string; errors: { pointer?: string; reason: string }[] }>(product, path, {
    method: 'PUT',
    json,
    headers,
    key,
  })
const soon = { timeout: 5_000, interval: 50 }
/** Once the catalogue's changes are where SQL sees them. */
const sees = (query: string, expected: unknown, key = product.key) =>
  expect.poll(() => rows(product, query, key), soon).toEqual(expected)

describe('a product', () => {
  test('is made, read, changed and deleted, by its version where that is said', async () => {
    const tea = { name: 'Tea', price: '19.90', currency: 'EUR', category: 'drinks', attributes: { colour: 'green' } }
    const made = await put('/v1/products/tea', tea, { 'if-none-match': '*' })
    expect([made.status, made.headers.get('etag')]).toEqual([200, '"1"'])
    expect(made.json).toMatchObject({ sku: 'tea', version: 1, ...tea })
    expect((await put('/v1/products/tea', tea, { 'if-none-match': '*' })).json.code).toBe('request.precondition')
    expect((await put('/v1/products/tea', tea)).json.version).toBe(1)
    const changed = await put('/v1/products/tea', { ...tea, price: 21 }, { 'if-match': '"1"' })
    expect(changed.json).toMatchObject({ version: 2, price: '21', created_at: made.json.created_at })
    expect((await put('/v1/products/tea', tea, { 'if-match': '"1"' })).status).toBe(412)
    expect((await must(product, '/v1/products/tea')).json).toEqual(changed.json)
    const remove = (etag?: string) =>
      ask(product, '/v1/products/tea', { method: 'DELETE', ...(etag && { headers: { 'if-match': etag } }) })
    expect((await remove('"1"')).status).toBe(412)
    expect((await remove('"2"')).status).toBe(204)
    expect((await remove()).status).toBe(404)
    expect((await ask(product, '/v1/products/tea')).status).toBe(404)
    expect((await put('/v1/products/tea', tea)).json.version).toBe(4)
  })

  test.each([
    ['without a name', {}, '/name'],
    ['with an empty name', { name: '' }, '/name'],
    ['with a field that there is not', { name: 'x', colour: 'green' }, '/colour'],
    ['with a price that is none', { name: 'x', price: '1,5', currency: 'EUR' }, '/price'],
    ['with a price of what nobody knows', { name: 'x', price: '1.5' }, '/currency'],
    ['with a price below nothing', { name: 'x', price: -1, currency: 'EUR' }, '/price'],
    ['with a currency that is none', { name: 'x', currency: 'Euro' }, '/currency'],
    ['with a NUL', { name: 'x\0' }, '/name'],
    ['that is deep', { name: 'x', attributes: { deep: nested(40) } }, '/attributes/deep'],
    ['that is long', { name: 'x', attributes: { long: 'x'.repeat(70_000) } }, ''],
    ['with a number that would lose digits', { name: 'x', attributes: { n: 2 ** 60 } }, '/attributes/n'],
    ['that is a list', [], ''],
  ])('%s is refused, and where', async (_, json, pointer) => {
    const { status, json: problem } = await put('/v1/products/bad', json)
    expect([status, problem.code]).toEqual([400, 'request.invalid'])
    expect((problem.errors[0]?.pointer ?? '').startsWith(pointer)).toBe(true)
  })

  test.each(['/v1/products/a%20b', '/v1/products/-a', `/v1/products/${'a'.repeat(129)}`, '/v1/products/%2e%2e'])(
    'is nothing at %s',
    async (path) => {
      expect((await put(path, { name: 'x' })).status).toBeGreaterThanOrEqual(400)
    },
  )

  test('is not JSON, or says more than it may', async () => {
    const send = (body: string, headers = {}) => ask(product, '/v1/products/bad', { method: 'PUT', body, headers })
    expect((await send('{')).json).toMatchObject({ code: 'request.invalid', errors: [{ reason: 'is not JSON' }] })
    expect((await send('{"name":"x","attributes":{"__proto__":1}}')).status).toBe(400)
    expect((await send('{"name":"x"}', { 'if-match': 'nonsense' })).status).toBe(400)
    expect((await send('{"name":"x"}', { 'if-match': '"1"', 'if-none-match': '*' })).status).toBe(400)
    expect((await send(' '.repeat(2 << 20))).status).toBe(413)
    expect((await ask(product, '/v1/products?serach=x')).json).toMatchObject({ code: 'request.unknown_parameter' })
  })
})

function nested(levels: number): unknown {
  return levels === 0 ? {} : { in: nested(levels - 1) }
}

describe('an import', () => {
  const load = (path: string, lines: readonly unknown[], key = product.key) =>
    ask<{ written: number; unchanged: number; errors: { pointer: string; reason: string }[] }>(product, path, {
      body: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
      key,
    })

  test('writes all, and the same again is no change', async () => {
    const lines = Array.from({ length: 1_000 }, (_, n) => ({ id: `i${n}`, title: `Item ${n}`, tags: [`t${n % 7}`] }))
    expect((await load('/v1/items/import', lines)).json).toEqual({ written: 1_000, unchanged: 0 })
    lines[3] = { id: 'i3', title: 'Another', tags: [] }
    expect((await load('/v1/items/import', lines)).json).toEqual({ written: 1, unchanged: 999 })
    expect((await load('/v1/items/import', [...lines, { id: 'one-more', title: 'x' }])).status).toBe(413)
    const page = await must<{ data: { id: string }[]; next_cursor: string }>(product, '/v1/items?limit=3')
    expect(page.json.data.map(({ id }) => id)).toEqual(['i0', 'i1', 'i10'])
    const next = await must<{ data: { id: string }[] }>(product, `/v1/items?limit=2&cursor=${page.json.next_cursor}`)
    expect(next.json.data.map(({ id }) => id)).toEqual(['i100', 'i101'])
    const found = await must<{ data: { id: string }[] }>(product, '/v1/items?search=ANOTH')
    expect(found.json.data.map(({ id }) => id)).toEqual(['i3'])
    await sees('SELECT count() AS n, countIf(version = 2) AS twice FROM _items', [{ n: 1_000, twice: 1 }])
  })

  test('writes nothing where one of them does not hold, and says which', async () => {
    const lines = [{ sku: 'ok', name: 'x' }, { sku: 'ok', name: 'y' }, { name: 'x' }, '{', { sku: 'q', nam: 'x' }]
    const { status, json } = await load('/v1/products/import', lines)
    expect(status).toBe(400)
    expect(json.errors.map(({ pointer }) => pointer).slice(0, 3)).toEqual(['/1/sku', '/2/sku', '/3'])
    expect(json.errors.at(-1)?.pointer.startsWith('/4')).toBe(true)
    expect((await ask(product, '/v1/products/ok')).status).toBe(404)
  })
})

describe('documents', () => {
  test('are any JSON, in collections that are apart', async () => {
    const document = { $set: { 'a.b': 1 }, text: 'ü🎉', list: [1, null, { deep: true }], '': 'empty', n: -1.5e-7 }
    expect((await put('/v1/documents/reviews/r.1', { document })).json).toMatchObject({
      id: 'r.1',
      version: 1,
      document,
    })
    expect((await must(product, '/v1/documents/reviews/r.1')).json).toMatchObject({ document })
    expect((await ask(product, '/v1/documents/others/r.1')).status).toBe(404)
    expect((await must(product, '/v1/documents/others')).json).toEqual({ data: [], next_cursor: null })
    expect((await put('/v1/documents/Bad-Name/r1', { document })).status).toBe(400)
    await sees(`SELECT collection, id, JSONExtractString(document, 'text') AS text FROM _documents`, [
      { collection: 'reviews', id: 'r.1', text: 'ü🎉' },
    ])
  })

  test('are read a page of a few megabytes at a time', async () => {
    const text = 'x'.repeat(900_000)
    for (let n = 0; n < 12; n++)
      await must(product, `/v1/documents/large/d${n}`, { method: 'PUT', json: { document: { text } } })
    const found: string[] = []
    let pages = 0
    for (let cursor: string | null = ''; cursor !== null; pages++) {
      const answer: { json: { data: { id: string }[]; next_cursor: string | null } } = await must(
        product,
        `/v1/documents/large?limit=1000${cursor && `&cursor=${cursor}`}`,
      )
      found.push(...answer.json.data.map(({ id }) => id))
      cursor = answer.json.next_cursor
    }
    expect(found.toSorted()).toEqual(Array.from({ length: 12 }, (_, n) => `d${n}`).toSorted())
    expect(pages).toBeGreaterThan(1)
  })
})

describe('SQL', () => {
  beforeAll(async () => {
    const columns = [
      { name: 'time', type: 'DateTime64(3)' },
      { name: 'sku', type: 'String' },
      { name: 'count', type: 'Int64' },
    ]
    await must(product, '/v1/streams/orders', { method: 'PUT', json: { columns } })
    const order = (sku: string, count: number) => `{"time":"2026-10-11T10:00:00Z","sku":"${sku}","count":${count}}`
    await must(product, '/v1/events/orders?wait=true', { body: [order('mug', 2), order('pot', 1)].join('\n') })
    for (const [sku, price, category] of [
      ['mug', '4.50', 'kitchen'],
      ['pot', '19.99', 'kitchen'],
      ['pot', null, 'garden'],
      ['mug', '5.25', 'kitchen'],
    ] as const) {
      const json = { name: sku, price, currency: 'EUR', category, attributes: { size: 3, colour: 'blue' } }
      await must(product, `/v1/products/${sku}`, { method: 'PUT', json })
    }
  })

  test('joins streams with what products are now, and reads what they were', async () => {
    await sees('SELECT sku, count * price AS paid, category FROM orders JOIN _products USING (sku) ORDER BY sku', [
      { sku: 'mug', paid: '10.500000', category: 'kitchen' },
      // Without a price now, although it had one.
      { sku: 'pot', paid: null, category: 'garden' },
    ])
    expect(
      await rows(product, `SELECT version, price, deleted FROM _product_changes WHERE sku = 'mug' ORDER BY version`),
    ).toEqual([
      { version: 1, price: '4.500000', deleted: false },
      { version: 2, price: '5.250000', deleted: false },
    ])
    expect(
      await rows(
        product,
        `SELECT attributes['size'] AS size, attributes['colour'] AS c FROM _products WHERE sku = 'mug'`,
      ),
    ).toEqual([{ size: '3', c: 'blue' }])
    await must(product, '/v1/products/mug', { method: 'DELETE' })
    await sees(`SELECT sku FROM _products WHERE sku IN ('mug', 'pot')`, [{ sku: 'pot' }])
  })

  test('cannot write to it, and another workspace has its own', async () => {
    for (const stream of ['_products', '_product_changes']) {
      const sent = await ask(product, `/v1/events/${stream}`, { body: '{"sku":"x"}' })
      expect([stream, sent.status]).toEqual([stream, 400])
      expect((await ask(product, `/v1/streams/${stream}`, { method: 'DELETE' })).status).toBeGreaterThanOrEqual(400)
    }
    expect(await rows(product, 'SELECT sku FROM _products', stranger)).toEqual([])
    const across = await ask(product, '/v1/sql', { json: { query: 'SELECT * FROM main._products' }, key: stranger })
    expect([400, 403]).toContain(across.status)
  })

  test('holds a key with filters to its rows as they are now', async () => {
    const scopes = ['sql:read', 'products:read']
    const filters = { _products: { category: ['kitchen'] }, orders: { sku: ['mug', 'pot'] } }
    const { key } = await newKey(product, { scopes, filters })
    await must(product, '/v1/products/cup', { method: 'PUT', json: { name: 'cup', category: 'kitchen' } })
    await sees('SELECT sku FROM _products ORDER BY sku', [{ sku: 'cup' }], key)
    expect(await rows(product, `SELECT count() AS n FROM (SELECT * FROM _products) AS p`, key)).toEqual([{ n: 1 }])
    expect(await rows(product, 'SELECT sku FROM orders JOIN _products USING (sku)', key)).toEqual([])
    for (const table of ['_product_changes', '_items', '_documents']) {
      const refused = await ask(product, '/v1/sql', { json: { query: `SELECT * FROM ${table}` }, key })
      expect([table, refused.json['code']]).toEqual([table, 'query.unknown_table'])
    }
    expect((await ask(product, '/v1/products', { key })).json).toMatchObject({ code: 'auth.scope' })
  })

  test('shows no document to who may not see personal data, and the rest', async () => {
    await must(product, '/v1/documents/people/p1', { method: 'PUT', json: { document: { email: 'eve@example.com' } } })
    const query = `SELECT id, document FROM _documents WHERE collection = 'people'`
    await sees(query, [{ id: 'p1', document: '{"email":"eve@example.com"}' }])
    const scopes = workspaceScopes.filter((scope) => scope !== 'pii:read')
    const { key } = await newKey(product, { scopes })
    expect(await rows(product, query, key)).toEqual([{ id: 'p1', document: '' }])
    expect(await rows(product, `SELECT count() AS n FROM _documents WHERE document LIKE '%eve%'`, key)).toEqual([
      { n: 0 },
    ])
    expect(await rows(product, `SELECT sku FROM _products WHERE sku = 'pot'`, key)).toEqual([{ sku: 'pot' }])
  })
})

test('a scope may be for one collection', async () => {
  const { key } = await newKey(product, { scopes: ['documents:read:reviews', 'documents:write:drafts'] })
  await must(product, '/v1/documents/reviews/a', { method: 'PUT', json: { document: {} } })
  expect((await ask(product, '/v1/documents/reviews/a', { key })).status).toBe(200)
  expect((await ask(product, '/v1/documents/drafts/a', { key })).status).toBe(403)
  expect((await put('/v1/documents/drafts/a', { document: {} }, {}, key)).status).toBe(200)
  expect((await put('/v1/documents/reviews/a', { document: {} }, {}, key)).status).toBe(403)
  expect((await ask(product, '/v1/products', { key })).status).toBe(403)
})

test('what was acknowledged is there after a kill, and its event too', { timeout: 60_000 }, async () => {
  await must(product, '/v1/items/last', { method: 'PUT', json: { title: 'The last before' } })
  await product.killCore()
  await expect.poll(() => ask(product, '/v1/items/last').then(({ status }) => status), { timeout: 20_000 }).toBe(200)
  // It may be lent to the one that died.
  const query = `SELECT title, version FROM _items WHERE id = 'last'`
  await expect.poll(() => rows(product, query), { timeout: 30_000 }).toEqual([{ title: 'The last before', version: 1 }])
})
