import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, rows } from './ask.ts'

let product: Product
beforeAll(async () => {
  product = await startProduct()
})
afterAll(() => product?.stop())

const batchOf = (from: number, size: number): string =>
  Array.from({ length: size }, (_, at) => `{"time":"2026-10-11T10:00:00Z","n":${from + at}}`).join('\n')

describe('a core that is killed while the gateway is in use', () => {
  test('comes back by itself, with what was acknowledged; what was not is sent again and is there once', async () => {
    expect((await ask(product, '/v1/events/load?wait=true', { body: batchOf(0, 100) })).status).toBe(200)
    const sql = 'SELECT count() AS n FROM load'
    const cache = { ttl_s: 3_600 }
    expect((await ask(product, '/v1/queries/counted', { method: 'PUT', json: { sql, cache } })).status).toBe(200)
    const cached = await ask(product, '/v1/endpoints/counted.json')
    expect(cached.json).toMatchObject({ data: [{ n: 100 }] })

    let sent = 100
    let refusals = 0
    const back = new AbortController()
    const load = (async () => {
      while (!back.signal.aborted) {
        const body = batchOf(sent, 100)
        const headers = { 'idempotency-key': `from-${sent}` }
        for (;;) {
          const { status, json } = await ask<{ retryable?: boolean }>(product, '/v1/events/load', { body, headers })
          if (status === 202) break
          // The one thing that a client must know of a core that is gone.
          expect(json.retryable).toBe(true)
          refusals++
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        sent += 100
      }
    })()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const killed = product.killCore()
    // While it is gone, the edge goes on answering what it knows.
    const meanwhile = await ask(product, '/v1/endpoints/counted.json')
    expect(meanwhile).toMatchObject({ status: 200, text: cached.text })
    await killed
    back.abort()
    await load
    expect(refusals).toBeGreaterThan(0)

    const found = async () => (await rows(product, 'SELECT count() AS total, uniqExact(n) AS different FROM load'))[0]
    await expect.poll(found, { timeout: 10_000, interval: 200 }).toEqual({ total: sent, different: sent })
  })

  test('does not end a load: the command line sends again what was not acknowledged', async () => {
    const count = 60_000
    const directory = temporaryDirectory()
    const file = join(directory.path, 'rows.ndjson')
    writeFileSync(file, batchOf(0, count))
    const args = ['core/cli/edgewise.js', 'load', 'from_file', file, '--json', '--parallel', '1']
    const load = promisify(execFile)(process.execPath, args, {
      env: { ...process.env, EDGEWISE_URL: product.url, EDGEWISE_KEY: product.key },
    })
    await expect.poll(async () => (await ask(product, '/v1/streams/from_file')).status, { timeout: 10_000 }).toBe(200)
    await product.killCore()
    const loaded = JSON.parse((await load).stdout) as { files: { accepted: number; repeated: number }[] }
    directory.remove()
    // A batch whose answer was lost with the core is answered as a repeat.
    expect(loaded.files.map((one) => one.accepted + one.repeated)).toEqual([count])
    expect(await rows(product, 'SELECT count() AS total, uniqExact(n) AS different FROM from_file')).toEqual([
      { total: count, different: count },
    ])
  })
})
