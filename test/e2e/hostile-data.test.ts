import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { required, sampleData } from '../support/optional.ts'
import { type Product, startProduct } from '../support/product.ts'
import { type Answered, ask, must, rows } from './ask.ts'

interface Written {
  readonly accepted: number
  readonly quarantined: number
  readonly errors: readonly { readonly row: number; readonly reason: string }[]
}
interface Echo {
  readonly data: readonly { readonly s: string }[]
}

const suite = sampleData('json-test-suite')
const spectrum = sampleData('csv-spectrum')
const naughtyFile = sampleData('naughty-strings/blns.json')
const naughty = naughtyFile === undefined ? [] : (JSON.parse(readFileSync(naughtyFile, 'utf8')) as string[])
/** Where each is a request of its own: all of them take their time. */
const some = naughty.filter((_, i) => required || i % 5 === 0)

let product: Product

beforeAll(async () => {
  product = await startProduct()
  await publish('echo', 'SELECT {s:String} AS s')
})
afterAll(() => product?.stop())

const publish = (name: string, sql: string, more: object = {}) =>
  must(product, `/v1/queries/${name}`, { method: 'PUT', json: { sql, ...more } })
const declare = (name: string, columns: Record<string, string>) =>
  must(product, `/v1/streams/${name}`, {
    method: 'PUT',
    json: { columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })) },
  })
const send = async (path: string, type: string, body: Buffer | string): Promise<Answered<Written>> => {
  const headers = { authorization: `Bearer ${product.key}`, 'content-type': type }
  const response = await fetch(product.url + path, { method: 'POST', headers, body: Buffer.from(body) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) as Written }
}

/** The same for each, some at a time; whatever is not as it should be is told. */
async function wrong<T>(all: readonly T[], check: (one: T) => Promise<unknown>): Promise<readonly unknown[]> {
  const found: unknown[] = []
  const left = all.entries()
  const work = async () => {
    for (const [, one] of left) {
      const said = await check(one)
      if (said !== undefined) found.push([one, said])
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return found
}

describe.skipIf(suite === undefined)('JSONTestSuite', () => {
  const files = suite === undefined ? [] : readdirSync(suite)
  const bytesOf = (file: string) => readFileSync(join(suite ?? '', file))

  test('as a whole body: no n_ is accepted, nothing breaks, and what is refused has its reason', async () => {
    await declare('bodies', { a: 'String' })
    const bad = await wrong(files, async (file) => {
      const { status, text, json } = await send('/v1/events/bodies', 'application/json', bytesOf(file))
      if (status >= 500) return text
      if (file.startsWith('n_') && status < 300 && json.accepted > 0) return text
      if (status >= 400 && !/"reason":"[^"]/.test(text)) return text
      return status < 300 && json.quarantined > json.errors.length && json.errors.length < 10 ? text : undefined
    })
    expect(bad).toEqual([])
  })

  test('as a value of a row: every y_ is accepted and comes back byte for byte', async () => {
    await declare('values_json', { n: 'String', v: 'String' })
    const row = (file: string) => Buffer.concat([Buffer.from(`{"n":"${file}","v":[`), bytesOf(file), Buffer.from(']}')])
    const accepted = new Set<string>()
    const bad = await wrong(files, async (file) => {
      const { status, json, text } = await send('/v1/events/values_json', 'application/json', row(file))
      if (status >= 500) return text
      if (status < 300 && json.accepted === 1) accepted.add(file)
      return file.startsWith('y_') && !accepted.has(file) ? text : undefined
    })
    expect(bad).toEqual([])
    const count = async () => (await rows(product, 'SELECT count() AS n FROM values_json'))[0]
    await expect.poll(count, { timeout: 20_000 }).toEqual({ n: accepted.size })
    const kept = await rows<{ n: string; v: string }>(product, 'SELECT n, v FROM values_json')
    expect(kept.filter(({ n, v }) => v !== `[${bytesOf(n).toString()}]`)).toEqual([])
  })

  test('as lines: each is accepted or quarantined by itself, and nothing of it is changed', async () => {
    await declare('lines', { n: 'String', v: 'String' })
    const one = files.filter((file) => !/[\r\n]/.test(bytesOf(file).toString('latin1')))
    const line = (file: string) =>
      Buffer.concat([Buffer.from(`{"n":"${file}","v":[`), bytesOf(file), Buffer.from(']}\n')])
    const readable = one.filter((file) => isJson(line(file)))
    const body = Buffer.concat(one.map(line))
    const { status, json } = await send('/v1/events/lines?wait=true', 'application/x-ndjson', body)
    expect([status, json.accepted + json.quarantined]).toEqual([200, one.length])
    const kept = await rows<{ n: string; v: string }>(product, 'SELECT n, v FROM lines')
    expect(kept.filter(({ n, v }) => v !== `[${bytesOf(n).toString()}]`)).toEqual([])
    // Nested too deep is JSON, and no row.
    const missing = readable.filter((file) => !kept.some(({ n }) => n === file))
    expect(missing.filter((file) => file.startsWith('y_'))).toEqual([])
    expect(kept.filter(({ n }) => !readable.includes(n))).toEqual([])
  })
})

describe.skipIf(spectrum === undefined)('csv-spectrum', () => {
  const names = readdirSync(join(spectrum ?? '.', spectrum === undefined ? '' : 'csvs'))
    .filter((file) => file.endsWith('.csv'))
    // Has another telephone number in its JSON than in its CSV.
    .filter((file) => file !== 'location_coordinates.csv')
    .map((file) => file.slice(0, -4))

  test.each(names)('%s comes back as what it means', async (name) => {
    const text = readFileSync(join(spectrum ?? '', 'csvs', `${name}.csv`), 'utf8')
    const meant = JSON.parse(readFileSync(join(spectrum ?? '', 'json', `${name}.json`), 'utf8')) as Record<
      string,
      string
    >[]
    const columns = Object.keys(meant[0] ?? {})
    await declare(`csv_${name}`, Object.fromEntries(columns.map((column) => [column, 'String'])))
    // Copies of the collection tend to have lost their carriage returns.
    const csv = name.endsWith('_crlf') ? text.replaceAll(/\r?\n/g, '\r\n') : text
    expect((await send(`/v1/events/csv_${name}?wait=true`, 'text/csv', csv)).json).toMatchObject({
      accepted: meant.length,
      quarantined: 0,
    })
    const listed = columns.map((column) => `\`${column}\``).join(', ')
    const kept = await rows<Record<string, string>>(product, `SELECT ${listed} FROM csv_${name}`)
    const order = (all: readonly object[]) => all.map((row) => JSON.stringify(row)).sort()
    expect(order(kept)).toEqual(order(meant))
  })
})

describe.skipIf(naughtyFile === undefined)('naughty strings', () => {
  const numbered = naughty.map((s, i) => ({ i, s }))

  test.each([
    ['JSON', 'application/json', JSON.stringify(numbered)],
    ['NDJSON', 'application/x-ndjson', numbered.map((row) => JSON.stringify(row)).join('\n')],
    ['CSV', 'text/csv', `i,s\n${numbered.map(({ i, s }) => `${i},"${s.replaceAll('"', '""')}"`).join('\n')}\n`],
  ])('as values of rows in %s come back as they were sent', async (format, type, body) => {
    const stream = `naughty_${format.toLowerCase()}`
    await declare(stream, { i: 'Int64', s: 'String' })
    expect((await send(`/v1/events/${stream}?wait=true`, type, body)).json).toMatchObject({
      accepted: naughty.length,
      quarantined: 0,
    })
    const kept = await rows<{ i: number; s: string }>(product, `SELECT i, s FROM ${stream} ORDER BY i`)
    expect(kept.filter(({ i, s }) => s !== naughty[i])).toEqual([])
    expect(kept.length).toBe(naughty.length)
  })

  test('as parameters come back as they were sent, in the URL and as JSON', async () => {
    const bad = await wrong(some, async (s) => {
      const url = await ask<Echo>(product, `/v1/endpoints/echo?s=${encodeURIComponent(s)}`)
      const json = await ask<Echo>(product, '/v1/endpoints/echo', { json: { s } })
      const sql = await ask<Echo>(product, '/v1/sql', { json: { query: 'SELECT {s:String} AS s', params: { s } } })
      const odd = [url, json, sql].find((answer) => answer.status !== 200 || answer.json.data[0]?.s !== s)
      return odd && odd.text.slice(0, 300)
    })
    expect(bad).toEqual([])
  })

  test('as SQL: a literal means itself, and anything else is an answer or a refusal', async () => {
    const literal = (s: string) => `'${s.replaceAll('\\', '\\\\').replaceAll(`'`, `\\'`)}'`
    for (let at = 0; at < naughty.length; at += 100) {
      const hundred = naughty.slice(at, at + 100)
      expect(await rows(product, `SELECT [${hundred.map(literal).join(', ')}] AS s`)).toEqual([{ s: hundred }])
    }
    const bad = await wrong(some, async (s) => {
      const { status, text } = await ask(product, '/v1/sql', { body: `SELECT ${s}`, type: 'text/plain' })
      return status >= 500 ? text : undefined
    })
    expect(bad).toEqual([])
  })

  test('as names are taken as they are or refused', async () => {
    const name = /^[a-z][a-z0-9_]{0,47}$/
    const bad = await wrong(some, async (s) => {
      // A URL has no place for these.
      if (s === '' || s === '.' || s === '..') return undefined
      const path = encodeURIComponent(s)
      const answers = [
        await ask(product, `/v1/streams/${path}?dry_run=true`, {
          method: 'PUT',
          json: { columns: [{ name: 'a', type: 'String' }] },
        }),
        await ask(product, `/v1/queries/${path}?dry_run=true`, { method: 'PUT', json: { sql: 'SELECT 1' } }),
        await ask(product, `/v1/events/${path}?dry_run=true`, { body: '{"a":1}' }),
        await ask(product, `/v1/endpoints/${path}`),
        await ask(product, `/v1/issuers/${path}`),
      ]
      const odd = answers.find(({ status }) => status >= 500 || (status < 300 && !name.test(s)))
      return odd && [odd.status, odd.text.slice(0, 300)]
    })
    expect(bad).toEqual([])
  })

  test('as what people write about keys and queries come back as they were sent', async () => {
    // The embedded store drops a byte order mark at the beginning of a text.
    const short = some.filter((s) => s !== '' && s.length <= 100 && !s.startsWith('\uFEFF'))
    const bad = await wrong(short, async (s) => {
      const made = await ask<{ id: string; name: string }>(product, '/v1/keys', {
        json: { name: s, scopes: ['sql:read'] },
      })
      if (made.status !== 201) return made.text
      const read = await must<{ name: string }>(product, `/v1/keys/${made.json.id}`)
      return read.json.name === s ? undefined : read.json.name
    })
    expect(bad).toEqual([])
    const texts: string[] = ['']
    for (const s of naughty) {
      const last = texts.at(-1) ?? ''
      if (last.length + s.length < 2_000) texts[texts.length - 1] = `${last}${s}\n`
      else if (s.length < 2_000) texts.push(s)
    }
    for (const description of texts) {
      await publish('described', 'SELECT 1', { description })
      const { json } = await must(product, '/v1/queries/described')
      expect(json['description']).toBe(description)
    }
  })

  test('as names of columns are kept or quarantined', async () => {
    const body = naughty.map((s) => JSON.stringify({ [s]: 'x' })).join('\n')
    const { status, json } = await send('/v1/events/columns?dry_run=true', 'application/x-ndjson', body)
    expect([status, json.accepted + json.quarantined]).toEqual([200, naughty.length])
  })
})

describe('what would not arrive as it was sent', () => {
  const invalid = (before: string, after: string) =>
    Buffer.concat([Buffer.from(before), Buffer.from([0xc3, 0x28]), Buffer.from(after)])
  const refused = (pointer: string) => ({
    code: 'request.invalid',
    errors: [{ pointer, reason: expect.any(String) as string }],
  })

  test.each([
    ['/v1/sql', 'POST', '{"query":"SELECT 1","params":{"__proto__":"x"}}', '/params/__proto__'],
    ['/v1/sql', 'POST', '{"query":"SELECT 1","__proto__":{"format":"csv"}}', '/__proto__'],
    ['/v1/endpoints/echo', 'POST', '{"s":"a","__proto__":"x"}', '/__proto__'],
    ['/v1/keys', 'POST', '{"name":"k","scopes":["endpoints:read"],"params":{"__proto__":"x"}}', '/params/__proto__'],
    ['/v1/queries/q', 'PUT', '{"sql":"SELECT 1","params":{"__proto__":{}}}', '/params/__proto__'],
    ['/v1/streams/s', 'PUT', '{"json_schema":{"properties":{"__proto__":{}}}}', '/json_schema/properties/__proto__'],
    ['/v1/token', 'POST', '{"grant_type":"client_credentials","params":{"__proto__":"x"}}', '/params/__proto__'],
    ['/v1/sql', 'POST', '{"query":"SELECT \'\\ud800\'"}', '/query'],
    ['/v1/endpoints/echo', 'POST', '{"s":"\\udc00"}', '/s'],
    ['/v1/keys', 'POST', '{"name":"\\ud83d","scopes":["sql:read"]}', '/name'],
  ])('%s %s %s is refused at %s', async (path, method, body, pointer) => {
    const { status, json } = await ask(product, path, { method, body, type: 'application/json' })
    expect([status, json]).toEqual([400, expect.objectContaining(refused(pointer))])
  })

  test.each([
    ['/v1/sql', 'text/plain', invalid(`SELECT '`, `'`)],
    ['/v1/sql', 'application/json', invalid(`{"query":"SELECT '`, `'"}`)],
    ['/v1/endpoints/echo', 'application/json', invalid('{"s":"', '"}')],
    ['/v1/keys', 'application/json', invalid('{"name":"', '","scopes":["sql:read"]}')],
  ])('bytes to %s as %s that are not UTF-8 are refused', async (path, type, body) => {
    const { status, json } = await send(path, type, body)
    expect([status, json]).toEqual([400, expect.objectContaining(refused('body'))])
  })

  test.each(['%ff', '%c3%28', '%', '%zz', '%ed%a0%80'])('%s in the URL is refused', async (s) => {
    const { status, json } = await ask(product, `/v1/endpoints/echo?s=${s}`)
    expect([status, json]).toEqual([400, expect.objectContaining(refused('query'))])
  })

  test.each([
    ['/v1/queries/q', 'PUT', { sql: 'SELECT 1', description: 'a\0b' }],
    ['/v1/keys', 'POST', { name: 'a\0b', scopes: ['sql:read'] }],
    ['/v1/keys', 'POST', { name: 'k', scopes: ['endpoints:read'], params: { a: '\0' } }],
    ['/v1/queries/q', 'PUT', { sql: 'SELECT 1', limit: { requests: 2 ** 32 } }],
    ['/v1/keys', 'POST', { name: 'k', scopes: ['sql:read'], plan: { requests: 2 ** 32, window_s: 1 } }],
  ])('what cannot be kept is refused: %s %s %j', async (path, method, json) => {
    expect(await ask(product, path, { method, json })).toMatchObject({ status: 400, json: { code: 'request.invalid' } })
  })

  test.each(['/v1/keys?cursor=%00', '/v1/streams?cursor=%00', '/v1/workspaces?cursor=a%00b'])(
    '%s is refused',
    async (path) => {
      expect(await ask(product, path)).toMatchObject({ status: 400, json: { code: 'request.invalid' } })
    },
  )

  test('a version that cannot be is refused, one that is not is not found', async () => {
    expect((await ask(product, `/v1/queries/echo?version=${2 ** 32}`)).status).toBe(400)
    expect((await ask(product, `/v1/queries/echo?version=${2 ** 31 - 1}`)).status).toBe(404)
  })
})

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return true
  } catch {
    return false
  }
}
