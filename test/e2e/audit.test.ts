import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { edgewise } from '../core/cli/command-line.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, rows } from './ask.ts'

interface Entry {
  readonly seq: number
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly outcome: string
  readonly code: string
  readonly detail: Readonly<Record<string, unknown>>
  readonly request_id: string
  readonly hash: string
}
interface Page {
  readonly data: readonly Entry[]
  readonly next_cursor: string | null
  readonly head: { readonly seq: number; readonly hash: string }
}

const directory = temporaryDirectory()
let product: Product

beforeAll(async () => {
  product = await startProduct({ data: join(directory.path, 'data') })
})
afterAll(async () => {
  await product?.stop()
  directory.remove()
})

const list = async (search = '', key = product.key) => (await must<Page>(product, `/v1/audit${search}`, { key })).json
const cli = (...args: string[]) => edgewise(product.data, [...args, '--url', product.url])

describe('every change is in the audit log, with who, what and the request', () => {
  test('keys, streams, queries, rows, the workspace and workspaces', async () => {
    const { id } = await newKey(product, {
      scopes: ['sql:read'],
      filters: { visits: { customer: 'c-personal' } },
    })
    await must(product, `/v1/keys/${id}`, {
      method: 'DELETE',
      headers: { 'x-request-id': 'the-revocation', 'x-client-address': '203.0.113.9' },
    })
    const row = (time: string) => JSON.stringify({ time, customer: 'c1' })
    await must(product, '/v1/events/visits?wait=true', { body: row('2026-10-11T10:00:00Z') })
    await must(product, '/v1/events/visits', { body: row('never') })
    await must(product, '/v1/queries/how_many', { method: 'PUT', json: { sql: 'SELECT count() AS n FROM visits' } })
    await must(product, '/v1/queries/how_many', { method: 'DELETE' })
    await must(product, '/v1/quarantine/visits/discard', { json: { all: true } })
    await must(product, '/v1/streams/visits/truncate', { method: 'POST' })
    await must(product, '/v1/streams/visits', { method: 'DELETE' })
    await must(product, '/v1/workspaces/main', { method: 'PATCH', json: { cors_origins: ['https://app.example'] } })
    await must(product, '/v1/workspaces', { json: { name: 'second' } })
    const { data } = await list('?order=oldest&outcome=done')
    expect(data.map(({ action, resource }) => `${action} ${resource}`)).toEqual([
      'create_workspace workspace/main',
      `create_key key/${id}`,
      `revoke_key key/${id}`,
      'put_stream stream/visits',
      'put_query query/how_many',
      'delete_query query/how_many',
      'discard_quarantine quarantine/visits',
      'truncate_stream stream/visits',
      'delete_stream stream/visits',
      'update_workspace workspace/main',
      'create_workspace workspace/second',
    ])
    expect(data[2]).toMatchObject({ request_id: 'the-revocation', detail: { name: 'test', address: '127.0.0.1' } })
    expect(data[2]?.actor).toMatch(/^key_/)
    expect(JSON.stringify(data)).not.toContain('c-personal')
    expect((await list('?chain=installation&action=create_workspace')).data.map(({ resource }) => resource)).toEqual([
      'workspace/second',
      'workspace/main',
    ])
  })

  test('what changes nothing is no entry', async () => {
    const before = (await list()).head.seq
    const { id } = await newKey(product, { scopes: ['sql:read'] })
    await must(product, `/v1/keys/${id}`, { method: 'DELETE' })
    await must(product, `/v1/keys/${id}`, { method: 'DELETE' })
    await must(product, '/v1/streams/dry?dry_run=true', {
      method: 'PUT',
      json: { columns: [{ name: 'a', type: 'String' }] },
    })
    expect((await list()).head.seq).toBe(before + 2)
  })
})

test('refusals are in it, by the core and by the edge', async () => {
  const weak = await newKey(product, { scopes: ['sql:read'] })
  expect((await ask(product, '/v1/keys', { key: weak.key })).status).toBe(403)
  expect((await ask(product, '/v1/endpoints/none', { key: weak.key })).status).toBe(403)
  const slow = await newKey(product, { scopes: ['streams:read'], plan: { requests: 1, window_s: 3600 } })
  for (let n = 0; n < 3; n++) await ask(product, '/v1/streams', { key: slow.key })
  const refused = async (id: string) =>
    (await list(`?outcome=refused&order=oldest&actor=${id}`)).data.map(({ action, code }) => `${action} ${code}`)
  await expect
    .poll(async () => (await refused(weak.id)).sort(), { timeout: 5_000 })
    .toEqual(['GET /v1/endpoints/:name auth.scope', 'list_keys auth.scope'])
  await expect.poll(() => refused(slow.id), { timeout: 5_000 }).toContain('GET /v1/streams limit.rate')
  for (const id of [weak.id, slow.id]) {
    for (const { detail } of (await list(`?outcome=refused&actor=${id}`)).data) {
      expect(detail).toMatchObject({ address: '127.0.0.1' })
    }
  }
})

test('another workspace sees its own entries only, and a key without audit:read none, by whatever way', async () => {
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'other' } })
  const stranger = made.json.key.key
  expect((await list('', stranger)).data.map(({ action }) => action)).toEqual(['create_workspace'])
  expect((await ask(product, '/v1/audit?chain=installation', { key: stranger })).status).toBe(403)
  expect((await ask(product, '/v1/audit?actr=x')).json).toMatchObject({ code: 'request.unknown_parameter' })
  const { key } = await newKey(product, { scopes: ['sql:read', 'queries:write'] })
  for (const path of ['/v1/audit', '/v1/audit/export']) expect((await ask(product, path, { key })).status).toBe(403)
  for (const query of ['SELECT * FROM _audit', 'SELECT 1 WHERE 1 IN (SELECT seq FROM main._audit)']) {
    expect((await ask(product, '/v1/sql', { json: { query }, key })).status).toBe(403)
  }
  const published = await ask(product, '/v1/queries/leak', { method: 'PUT', json: { sql: 'SELECT * FROM _audit' } })
  expect(published.status).toBe(403)
})

test('the stream _audit has every entry once, also of those that were there before a kill', async () => {
  const made = await Promise.all(Array.from({ length: 20 }, () => newKey(product, { scopes: ['sql:read'] })))
  await product.killCore()
  const { head } = await list()
  const count = async () =>
    (await rows<{ n: number; seq: number }>(product, 'SELECT count() AS n, max(seq) AS seq FROM _audit'))[0]
  await expect.poll(count, { timeout: 20_000 }).toMatchObject({ n: head.seq, seq: head.seq })
  const shipped = await rows<{ resource: string }>(product, `SELECT resource FROM _audit WHERE action = 'create_key'`)
  for (const { id } of made) expect(shipped).toContainEqual({ resource: `key/${id}` })
})

test(
  'it is verified from the gateway and from exports, which name the first entry that was changed',
  { timeout: 120_000 },
  async () => {
    const verified = await cli('audit', 'verify')
    expect(verified).toMatchObject({ code: 0, out: expect.stringContaining('of main hold') })
    const head = /--head (\S+)/.exec(verified.out)?.[1] ?? ''
    await newKey(product, { scopes: ['sql:read'] })
    expect(await cli('audit', 'verify', '--head', head)).toMatchObject({ code: 0 })
    expect(await cli('audit', 'verify', '--installation')).toMatchObject({ code: 0 })
    const other = `${head.slice(0, -1)}${head.endsWith('0') ? '1' : '0'}`
    expect(await cli('audit', 'verify', '--head', other)).toMatchObject({
      code: 1,
      err: expect.stringContaining('has another hash than the one remembered'),
    })
    const ahead = head.replace(/^\d+/, '100000')
    expect(await cli('audit', 'verify', '--head', ahead)).toMatchObject({
      code: 1,
      err: expect.stringContaining('cut off'),
    })

    for (const format of ['ndjson', 'csv']) {
      const path = join(directory.path, `audit.${format}`)
      expect(await cli('audit', 'export', '--format', format, '--output', path)).toMatchObject({ code: 0 })
      const verifyFile = () => edgewise(product.data, ['audit', 'verify', '--file', path, '--head', head])
      expect(await verifyFile()).toMatchObject({ code: 0, out: expect.stringContaining('of main hold') })
      const lines = readFileSync(path, 'utf8').split('\n')
      const at = lines.findIndex((line) => line.includes('revoke_key'))
      const seq = format === 'csv' ? at : at + 1
      writeFileSync(path, lines.with(at, lines[at]?.replace('revoke_key', 'create_key') ?? '').join('\n'))
      expect(await verifyFile()).toMatchObject({
        code: 1,
        err: expect.stringContaining(`Entry ${seq} of main was changed`),
      })
      writeFileSync(path, lines.toSpliced(at, 1).join('\n'))
      expect(await verifyFile()).toMatchObject({
        code: 1,
        err: expect.stringContaining(`Entry ${seq} of main is missing`),
      })
    }
    const listed = await cli('audit', 'list', '--action', 'revoke_key')
    expect(listed.out).toContain('revoke_key')
  },
)

test('the text of a key is nowhere: not in the files of any engine, not in a log, not in the audit', async () => {
  const { id, key } = await newKey(product, { scopes: ['audit:read', 'sql:read'], name: 'grepped' })
  await ask(product, `/v1/audit?actor=${key}`)
  await ask(product, `/v1/keys/${id}`, { key })
  expect((await must(product, '/v1/audit/export')).text).not.toContain(key)
  await rows(product, 'SELECT count() FROM _audit', key)
  await product.stop()
  const files = readdirSync(product.data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const holding = files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(key))
  expect(files.length).toBeGreaterThan(10)
  expect(holding).toEqual([])
})
