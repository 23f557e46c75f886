import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtInRoles } from '#mesh/scopes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, rows } from './ask.ts'

/** In the personal column of every row, and in rows that are refused. Nothing that the editor is told may have it in it. */
const secret = 'xyzzy4711'
const hidden = /xyzzy|eHl6enk|78797a7a79|7a7a79/i

let product: Product
/** Everything but seeing personal data. */
let editor: string

beforeAll(async () => {
  product = await startProduct({ env: { LOG_LEVEL: 'debug' } })
  const scopes = [...(builtInRoles['owner'] ?? [])].filter((scope) => scope !== 'pii:read')
  editor = (await newKey(product, { scopes })).key
  const columns = [
    { name: 'time', type: 'DateTime64(3)' },
    { name: 'n', type: 'Int64' },
    { name: 'email', type: 'String', pii: true },
  ]
  await must(product, '/v1/streams/people', { method: 'PUT', json: { columns } })
  const good = [1, 2, 3].map((n) => `{"time":"2026-10-11T10:00:0${n}Z","n":${n},"email":"${secret}${n}@example.com"}`)
  const bad = [`{"time":"2026-10-11T10:00:00Z","n":"${secret}","email":"${secret}"}`, `{"email":"${secret}`]
  await must(product, '/v1/events/people?wait=true', { body: [...good, ...bad].join('\n') })
  for (const [name, sql] of Object.entries({
    all_people: 'SELECT * FROM people ORDER BY n',
    by_email: 'SELECT n, email FROM people WHERE email LIKE {like:String} ORDER BY n',
  })) {
    await must(product, `/v1/queries/${name}`, { method: 'PUT', json: { sql, cache: { ttl_s: 60, swr_s: 60 } } })
  }
}, 120_000)
afterAll(() => product?.stop())

const url = (path: string) => path.replaceAll(secret, encodeURIComponent(secret))
const email = async (key: string, stream = 'people') =>
  (await rows<{ e: string }>(product, `SELECT max(email) AS e FROM ${stream}`, key))[0]?.e

test('the owner sees what is there', async () => {
  expect(await email(product.key)).toBe(`${secret}3@example.com`)
  expect((await ask(product, '/v1/quarantine/people')).text).toContain(secret)
})

describe('whoever lacks pii:read', () => {
  test('is told it by no route that there is', async () => {
    const { json: described } = await ask<{ paths: Record<string, object> }>(product, '/openapi.json', { key: null })
    const paths = Object.entries(described.paths).filter(([, methods]) => 'get' in methods)
    expect(paths.length).toBeGreaterThan(20)
    const telling = new Set<string>()
    for (const [path] of paths) {
      const filled = path
        .replace('/workspaces/{name}', '/workspaces/main')
        .replace(/(queries|endpoints)\/\{name\}/, '$1/all_people')
        .replaceAll(/\{(name|stream|id)\}/g, 'people')
      for (const search of ['', '?q=SELECT%20*%20FROM%20people', '?version=1']) {
        const { text, headers } = await ask(product, filled + search, { key: editor })
        expect([filled, text]).not.toEqual([filled, expect.stringMatching(hidden)])
        expect(JSON.stringify([...headers])).not.toMatch(hidden)
        if ((await ask(product, filled + search)).text.includes(secret)) telling.add(path)
      }
    }
    // Whoever sees it is told it there, so the question was one.
    expect([...telling].sort()).toEqual(['/v1/endpoints/{name}', '/v1/quarantine/{stream}', '/v1/sql'])
  })

  test('is told it in no format, of an endpoint or of SQL', async () => {
    for (const format of ['json', 'ndjson', 'csv', 'parquet', 'arrow']) {
      // The owner's answer is in the cache by then.
      const seen = await must(product, `/v1/endpoints/all_people.${format}`)
      expect(seen.text).toContain(secret)
      const { text } = await must(product, `/v1/endpoints/all_people.${format}`, { key: editor })
      expect(text).not.toMatch(hidden)
      // What was fetched while the edge heard of a change is not kept, and the next is.
      await expect
        .poll(async () => {
          const again = await must(product, `/v1/endpoints/all_people.${format}`)
          expect(again.text).toContain(secret)
          return again.headers.get('cache-status')
        })
        .toContain('hit')
      const own = await must(product, '/v1/sql', { json: { query: 'SELECT * FROM people', format }, key: editor })
      expect(own.text).not.toMatch(hidden)
    }
  })

  test('cannot find it out by asking an endpoint for it', async () => {
    const path = url(`/v1/endpoints/by_email?like=${secret}%25`)
    expect((await must<{ rows: number }>(product, path)).json.rows).toBe(3)
    expect((await must<{ rows: number }>(product, path, { key: editor })).json.rows).toBe(0)
  })

  test('cannot find it out by what fails, is deleted or is let through by a filter', async () => {
    const failing = await ask(product, '/v1/sql', { json: { query: 'SELECT toInt32(email) FROM people' }, key: editor })
    expect(failing.text).not.toMatch(hidden)
    const where = new URLSearchParams({ where: `email LIKE 'x%'`, dry_run: 'true' }).toString()
    const removing = await ask(product, `/v1/streams/people/rows?${where}`, { method: 'DELETE', key: editor })
    expect([removing.status, removing.json['code']]).toEqual([403, 'auth.scope'])
    const filters = { people: { email: `${secret}1@example.com` } }
    const making = await ask(product, '/v1/keys', { json: { name: 'x', scopes: ['sql:read'], filters }, key: editor })
    expect([making.status, making.text]).toEqual([400, expect.stringContaining('pii:read:people')])
    const grant = { grant_type: 'client_credentials', filters }
    const asking = await ask(product, '/v1/token', { json: grant, key: editor })
    expect([asking.status, asking.text]).toEqual([400, expect.stringContaining('pii:read:people')])
  })

  test('cannot give it, or take the mark away', async () => {
    const giving = await ask(product, '/v1/keys', { json: { name: 'x', scopes: ['pii:read'] }, key: editor })
    expect(giving.status).toBe(400)
    const columns = [
      { name: 'time', type: 'DateTime64(3)' },
      { name: 'n', type: 'Int64' },
      { name: 'email', type: 'String', pii: false },
    ]
    const taking = await ask(product, '/v1/streams/people', { method: 'PUT', json: { columns }, key: editor })
    expect([taking.status, taking.json['code']]).toEqual([403, 'auth.scope'])
    expect(await email(editor)).toBe('')
  })

  test('sees the rows that a filter by personal data leaves it, masked', async () => {
    const filters = { people: { email: `${secret}2@example.com` } }
    const { key } = await newKey(product, { scopes: ['sql:read'], filters })
    expect(await rows(product, 'SELECT n, email FROM people', key)).toEqual([{ n: 2, email: '' }])
  })
})

test('a column that is marked later is masked everywhere within five seconds, cached answers included', async () => {
  const column = { name: 'email', type: 'String' }
  const columns = [{ name: 'time', type: 'DateTime64(3)' }, column]
  await must(product, '/v1/streams/later', { method: 'PUT', json: { columns } })
  await must(product, '/v1/events/later?wait=true', { body: `{"time":"2026-10-11T10:00:00Z","email":"${secret}"}` })
  const sql = 'SELECT email FROM later'
  await must(product, '/v1/queries/of_later', { method: 'PUT', json: { sql, cache: { ttl_s: 600, swr_s: 600 } } })
  const called = async () => (await must(product, '/v1/endpoints/of_later', { key: editor })).text
  expect(await called()).toContain(secret)
  expect(await email(editor, 'later')).toBe(secret)
  const marked = [columns[0], { ...column, pii: true }]
  await must(product, '/v1/streams/later', { method: 'PUT', json: { columns: marked }, key: editor })
  expect(await email(editor, 'later')).toBe('')
  await expect.poll(called, { timeout: 5_500 }).not.toContain(secret)
  await must(product, '/v1/streams/later', {
    method: 'PUT',
    json: { columns: [columns[0], { ...column, pii: false }] },
  })
  expect(await email(editor, 'later')).toBe(secret)
  const { text } = await must(product, '/v1/audit?limit=1000')
  expect(text).toMatch(/"pii":\s*\[\s*"email"/)
})

test('a core that was killed masks as before', async () => {
  await product.killCore()
  await expect.poll(() => email(product.key).catch(() => ''), { timeout: 20_000 }).toContain(secret)
  expect(await email(editor)).toBe('')
})

test('the log has it nowhere', async () => {
  await ask(product, '/v1/sql', { json: { query: 'SELECT toInt32(email) FROM people' } })
  expect(product.log()).not.toMatch(hidden)
})
