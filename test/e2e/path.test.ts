import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
import { sampleData } from '../support/optional.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, kept, newKey, rows } from './ask.ts'

const file = sampleData('access-log/requests.ndjson')
const program = fileURLToPath(new URL('../../core/cli/main.ts', import.meta.url))
const directory = temporaryDirectory()
let product: Product

beforeAll(async () => {
  if (file !== undefined) product = await startProduct()
})
afterAll(async () => {
  await product?.stop()
  directory.remove()
})

interface Loaded {
  readonly files: readonly { readonly accepted: number; readonly quarantined: number; readonly repeated: number }[]
}

/** The command as a user types it in another shell; 5 says that some rows were quarantined. */
async function edgewise(...args: readonly string[]): Promise<{ readonly code: number; readonly loaded: Loaded }> {
  const env = { ...process.env, EDGEWISE_URL: product.url, EDGEWISE_KEY: product.key }
  const done = await promisify(execFile)(process.execPath, [program, ...args, '--json'], { env }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string; stderr: string }) => {
      if (error.stdout === '') throw new Error(error.stderr)
      return error
    },
  )
  return { code: done.code, loaded: JSON.parse(done.stdout) as Loaded }
}

const count = async (where = '1', key?: string): Promise<number> =>
  Number((await rows<{ n: number }>(product, `SELECT count() AS n FROM requests WHERE ${where}`, key))[0]?.n)

const hourly = {
  sql: `SELECT toStartOfHour(timestamp) AS hour, count() AS requests, sum(bytes) AS bytes,
    countIf(status >= 400) / count() AS error_rate
    FROM requests WHERE startsWith(path, {prefix:String}) GROUP BY hour ORDER BY hour`,
  params: { prefix: { default: '/' } },
  cache: { ttl_s: 2 },
}

describe.skipIf(file === undefined)('the path of the real requests', () => {
  const lines = file === undefined ? [] : readFileSync(file, 'utf8').trim().split('\n')

  test('all 9,999 can be queried once they are loaded, the 19 that are equal to another among them', async () => {
    const { code, loaded } = await edgewise('load', 'requests', file ?? '')
    expect(code).toBe(0)
    expect(loaded.files).toMatchObject([{ accepted: 9_999, quarantined: 0, repeated: 0 }])
    expect(await count()).toBe(9_999)
    const [distinct] = await rows<{ n: number }>(
      product,
      'SELECT count() AS n FROM (SELECT DISTINCT timestamp, client, method, path, protocol, status, bytes, referrer, agent FROM requests)',
    )
    expect(Number(distinct?.n)).toBe(new Set(lines).size)
    expect(new Set(lines).size).toBe(9_999 - 19)
    const bytes = lines.reduce((sum, line) => sum + ((JSON.parse(line) as { bytes: number | null }).bytes ?? 0), 0)
    expect(Number((await rows<{ n: number }>(product, 'SELECT sum(bytes) AS n FROM requests'))[0]?.n)).toBe(bytes)
  })

  test('loading the file again adds nothing', async () => {
    const { code } = await edgewise('load', 'requests', file ?? '')
    expect(code).toBe(0)
    expect(await count()).toBe(9_999)
  })

  test('a broken row lands in quarantine with its reason and text, is mended and replayed', async () => {
    const broken = JSON.stringify({ ...(JSON.parse(lines[0] ?? '{}') as object), status: 'two hundred' })
    const path = join(directory.path, 'broken.ndjson')
    writeFileSync(path, `${lines[1]}\n${broken}\n`)
    const { code, loaded } = await edgewise('load', 'requests', path)
    expect(code).toBe(5)
    expect(loaded.files).toMatchObject([{ accepted: 1, quarantined: 1 }])
    expect(await count()).toBe(10_000)

    interface Waiting {
      readonly data: readonly {
        readonly id: string
        readonly column: string
        readonly reason: string
        readonly text: string
      }[]
    }
    let waiting: Waiting['data'] = []
    for (const until = Date.now() + 5_000; waiting.length === 0 && Date.now() < until; await sleep(100)) {
      waiting = (await ask<Waiting>(product, '/v1/quarantine/requests')).json.data
    }
    expect(waiting).toHaveLength(1)
    expect(waiting[0]).toMatchObject({ column: 'status', text: broken })
    expect(waiting[0]?.reason).not.toBe('')

    const row = { ...(JSON.parse(broken) as object), status: 200, path: '/mended' }
    const replayed = await ask(product, '/v1/quarantine/requests/replay', {
      json: { rows: [{ id: waiting[0]?.id, row }] },
    })
    expect(replayed).toMatchObject({ status: 200, json: { accepted: 1, errors: [] } })
    await expect.poll(() => count(`path = '/mended' AND status = 200`), { timeout: 5_000 }).toBe(1)
    await expect
      .poll(async () => (await ask<Waiting>(product, '/v1/quarantine/requests')).json.data, { timeout: 5_000 })
      .toEqual([])
  })

  test('a published query is a miss, then a hit with the same ETag, then 304; as JSON and as CSV', async () => {
    expect((await ask(product, '/v1/queries/hourly', { method: 'PUT', json: hourly })).status).toBe(200)
    for (const format of ['json', 'csv']) {
      const path = `/v1/endpoints/hourly.${format}?prefix=/presentations`
      const miss = await ask(product, path)
      const hit = await kept(product, path)
      expect([miss.status, hit.status]).toEqual([200, 200])
      expect(miss.headers.get('cache-status')).toMatch(/^Edgewise; fwd=(uri-)?miss/)
      expect(hit.headers.get('cache-status')).toMatch(/^Edgewise; hit/)
      expect(hit.headers.get('etag')).toBe(miss.headers.get('etag'))
      expect(hit.text).toBe(miss.text)
      const same = await ask(product, path, { headers: { 'if-none-match': miss.headers.get('etag') ?? '' } })
      expect(same).toMatchObject({ status: 304, text: '' })
    }
    const json = await ask<{ data: { requests: number }[] }>(product, '/v1/endpoints/hourly.json?prefix=/presentations')
    const wanted = lines.filter((line) => (JSON.parse(line) as { path: string }).path.startsWith('/presentations'))
    // The one of the file with the broken row is another.
    const extra = (JSON.parse(lines[1] ?? '{}') as { path: string }).path.startsWith('/presentations') ? 1 : 0
    expect(json.json.data.reduce((sum, row) => sum + row.requests, 0)).toBe(wanted.length + extra)
    const csv = await ask(product, '/v1/endpoints/hourly.csv?prefix=/presentations')
    expect(csv.headers.get('content-type')).toContain('text/csv')
    expect(csv.text.trim().split('\n')).toHaveLength(json.json.data.length + 1)
  })

  test('new rows are seen after the time to live, and not before', async () => {
    const path = '/v1/endpoints/hourly.json?prefix=/fresh'
    const requests = async (): Promise<number> => {
      const { json } = await ask<{ data: { requests: number }[] }>(product, path)
      return json.data.reduce((sum, row) => sum + row.requests, 0)
    }
    expect(await requests()).toBe(0)
    const row = { ...(JSON.parse(lines[0] ?? '{}') as object), path: '/fresh/news' }
    expect((await ask(product, '/v1/events/requests?wait=true', { body: JSON.stringify(row) })).status).toBe(200)
    expect(await requests()).toBe(0)
    await sleep(hourly.cache.ttl_s * 1_000)
    expect(await requests()).toBe(1)
  })

  test('a key with a filter sees its rows only: through the endpoint, through SQL, and through the cache', async () => {
    const filters = { requests: { client: ['83.149.9.216'] } }
    const { key } = await newKey(product, { scopes: ['endpoints:read', 'sql:read'], filters })
    const own = lines.filter((line) => (JSON.parse(line) as { client: string }).client === '83.149.9.216').length + 3
    const path = '/v1/endpoints/hourly.json?prefix=/'
    const total = async (as?: string): Promise<number> => {
      const { json } = await ask<{ data: { requests: number }[] }>(product, path, as === undefined ? {} : { key: as })
      return json.data.reduce((sum, row) => sum + row.requests, 0)
    }
    const everything = await count()
    // Whoever asks first must not fill the cache for the other.
    expect([await total(), await total(key), await total(), await total(key)]).toEqual([
      everything,
      own,
      everything,
      own,
    ])
    expect(await count('1', key)).toBe(own)
    expect(await count(`client != '83.149.9.216'`, key)).toBe(0)
    const [joined] = await rows<{ n: number }>(
      product,
      'SELECT uniqExact(b.client) AS n FROM requests AS a CROSS JOIN (SELECT DISTINCT client FROM requests) AS b',
      key,
    )
    expect(Number(joined?.n)).toBe(1)
  })

  test('a mistyped parameter is 400 with the right name', async () => {
    const { status, json, headers } = await ask<{ code: string; detail: string; hint: string }>(
      product,
      '/v1/endpoints/hourly.json?prefx=/',
    )
    expect(status).toBe(400)
    expect(headers.get('content-type')).toContain('application/problem+json')
    expect(json.code).toBe('request.unknown_parameter')
    expect(`${json.detail} ${json.hint} ${JSON.stringify(json)}`).toMatch(/\bprefix\b/)
  })
})
