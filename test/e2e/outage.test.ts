import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '#mesh/client/index.ts'
import { processTree } from '../support/processes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { must, rows } from './ask.ts'

let product: Product
beforeAll(async () => {
  product = await startProduct()
})
afterAll(() => product?.stop())

/** Longer than the core stalls, and shorter than any deadline of its calls. */
const hangsMs = 10_000
const recoversMs = 5_000

interface Seen {
  readonly kind: string
  /** 0: there was nobody to connect to. */
  readonly status: number
  readonly at: number
  readonly ms: number
  readonly fallback: string | null
  readonly retryAfter: string | null
  readonly cacheStatus: string | null
  /** For whoever reads what failed. */
  readonly body: string
}

test(
  'a core that stalls and is killed, then an edge that is killed: refusals at most, and all is well within seconds',
  {
    timeout: 120_000,
  },
  async () => {
    const seen: Seen[] = []
    const record = async (kind: string, url: string, init: RequestInit): Promise<Response> => {
      const at = performance.now()
      const done = (status: number, headers: Headers, body: string): void => {
        const ms = performance.now() - at
        const [fallback, retryAfter] = [headers.get('edgewise-fallback'), headers.get('retry-after')]
        const cacheStatus = headers.get('cache-status')
        seen.push({ kind, status, at, ms, fallback, retryAfter, cacheStatus, body: body.slice(0, 300) })
      }
      try {
        const response = await fetch(url, init)
        const body = await response.clone().text()
        done(response.status, response.headers, body)
        return response
      } catch (error) {
        done(0, new Headers(), String(error))
        throw error
      }
    }

    await must(product, '/v1/events/load?wait=true', { body: '{"n":0}' })
    const cache = { ttl_s: 1, stale_if_error_s: 300 }
    await must(product, '/v1/queries/kept', {
      method: 'PUT',
      json: { sql: 'SELECT count() > 0 AS some FROM load', cache },
    })
    await must(product, '/v1/queries/live', { method: 'PUT', json: { sql: 'SELECT count() AS n FROM load' } })
    await must(product, '/v1/endpoints/kept.json')

    const over = new AbortController()
    const ask = async (kind: string): Promise<void> => {
      while (!over.signal.aborted) {
        const headers = { authorization: `Bearer ${product.key}` }
        await record(kind, `${product.url}/v1/endpoints/${kind}.json`, { headers }).catch(() => sleep(20))
        await sleep(20)
      }
    }
    let sent = 0
    let written = 0
    const write = async (): Promise<void> => {
      const type = { 'content-type': 'application/x-ndjson', authorization: `Bearer ${product.key}` }
      while (!over.signal.aborted) {
        const n = --written
        const headers = { ...type, 'idempotency-key': `written${n}` }
        const init = { method: 'POST', headers, body: `{"n":${n}}` }
        const post = () => record('written', `${product.url}/v1/events/load`, init).catch(() => undefined)
        while ((await post())?.status !== 202) await sleep(50)
        await sleep(20)
      }
    }
    // The client as anybody uses it: that nothing of this reaches its caller is what its retries are for.
    const client = createClient({
      url: product.url,
      key: product.key,
      fetch: (url, init) => record('events', url, init),
    })
    const send = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const from = sent
        sent += 20
        await client.ingest(
          'load',
          Array.from({ length: 20 }, (_, at) => ({ n: from + at + 1 })),
        )
        await sleep(20)
      }
    }
    const load = Promise.all([ask('kept'), ask('live'), ask('live'), write(), send(), send()])
    load.catch(() => over.abort())

    const kinds = ['kept', 'live', 'written']
    /** The kinds of requests that, asked from now on, are not within the time answered as if nothing had been. */
    const unwell = async (withinMs = recoversMs): Promise<readonly string[]> => {
      const from = performance.now()
      // An answer that was asked for before a change became known is given, and not kept: what is kept shows by a hit.
      const isWell = (kind: string): boolean =>
        seen.some(
          (one) =>
            one.kind === kind &&
            one.at >= from &&
            [200, 202].includes(one.status) &&
            !one.fallback &&
            (kind !== 'kept' || /; ?hit/.test(one.cacheStatus ?? '')),
        )
      while (!kinds.every(isWell) && performance.now() - from < withinMs) await sleep(20)
      return kinds.filter((kind) => !isWell(kind))
    }
    const between = (from: number, to: number): readonly Seen[] => seen.filter(({ at }) => at >= from && at < to)

    await unwell()

    const stalledAt = performance.now()
    process.kill(product.corePid(), 'SIGSTOP')
    await sleep(5_000)
    process.kill(product.corePid(), 'SIGCONT')
    const wentOnAt = performance.now()
    expect(await unwell()).toEqual([])
    const stalled = between(stalledAt, wentOnAt).filter(({ kind }) => kind === 'kept')
    // What is kept is given all the while: never refused, and waited for a moment at most.
    expect(stalled.filter(({ fallback }) => fallback !== null).length).toBeGreaterThan(0)
    expect(stalled.filter(({ status }) => status !== 200)).toEqual([])
    expect(Math.max(...stalled.map(({ ms }) => ms))).toBeLessThan(3_500)

    for (let round = 0; round < 2; round++) {
      const killedAt = performance.now()
      await product.killCore()
      const backAt = performance.now()
      expect(await unwell()).toEqual([])
      const refused = between(killedAt, backAt).filter(({ status }) => status === 503)
      expect(refused.length).toBeGreaterThan(0)
      expect(refused.filter(({ retryAfter }) => retryAfter === null)).toEqual([])
      expect(between(killedAt, backAt).filter(({ kind, status }) => kind === 'kept' && status !== 200)).toEqual([])
    }

    const edge = processTree(product.pid).find(({ command }) => command[0]?.endsWith('/workerd') === true)
    const cutAt = performance.now()
    process.kill(edge?.pid ?? 0, 'SIGKILL')
    expect(await unwell()).toEqual([])
    const upAt = performance.now()
    over.abort()
    await load

    const unlike = seen.filter(({ status, at, ms }) => {
      if (status === 0) return at + ms < cutAt || at > upAt
      return !(status >= 200 && status < 300) && status !== 429 && status !== 503
    })
    expect(unlike).toEqual([])
    expect(seen.filter(({ ms }) => ms > hangsMs)).toEqual([])
    const found = async () => (await rows(product, 'SELECT count() AS total, uniqExact(n) AS different FROM load'))[0]
    await expect
      .poll(found, { timeout: 15_000, interval: 200 })
      .toEqual({ total: sent + 1 - written, different: sent + 1 - written })
  },
)
