import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmbeddedWarehouse } from '../../core/storage/chdb/spawn.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, rows } from './ask.ts'

/** The embedded engine's process by itself, which speaks ClickHouse's protocol: it stands for a server. */
const directory = temporaryDirectory()
let engine: Awaited<ReturnType<typeof startEmbeddedWarehouse>>
let product: Product
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  engine = await startEmbeddedWarehouse({ directory: directory.path, log: pino({ level: 'silent' }) })
  env = { CLICKHOUSE_URL: engine.url.replace('//', `//${engine.username}:${engine.password}@`) }
  product = await startProduct({ env })
}, 90_000)
afterAll(async () => {
  await product?.stop()
  await engine?.close()
  directory.remove()
})

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, n) => `{"n":${from + n}}`).join('\n')

test('streams land there, are asked for, and lose rows', { timeout: 60_000 }, async () => {
  await must(product, '/v1/events/orders?wait=true', { body: lines(0, 1_000) })
  expect(await rows(product, 'SELECT count() AS rows, sum(n) AS sum FROM orders')).toEqual([
    { rows: 1_000, sum: 499_500 },
  ])
  await must(product, '/v1/streams/orders/rows?where=n%20%3C%2010', { method: 'DELETE' })
  expect(await rows(product, 'SELECT min(n) AS least FROM orders')).toEqual([{ least: 10 }])
  expect((await must(product, '/v1/streams/orders')).json).toMatchObject({ statistics: { rows: 990 } })
})

test('what the server loses sight of for a moment is neither lost nor there twice', { timeout: 90_000 }, async () => {
  process.kill(engine.pid ?? 0, 'SIGKILL')
  await must(product, '/v1/events/orders', { body: lines(1_000, 2_000) })
  for (let left = 100; ; left--) {
    const { json } = await ask<{ data?: readonly { n: number }[] }>(product, '/v1/sql', {
      json: { query: 'SELECT count() AS n FROM orders' },
    })
    if (json.data?.[0]?.n === 1_990) break
    if (left === 0) throw new Error(`It does not recover: ${JSON.stringify(json)}`)
    await sleep(500)
  }
  expect(await rows(product, 'SELECT uniqExact(n) AS n FROM orders')).toEqual([{ n: 1_990 }])
})

test('another log than the one that it is filled from is refused at the start', { timeout: 90_000 }, async () => {
  await expect(startProduct({ env })).rejects.toThrow('The warehouse is filled from')
})

test('a wrong password is refused at the start, and not shown', { timeout: 90_000 }, async () => {
  const wrong = { CLICKHOUSE_URL: engine.url.replace('//', '//default:wr0ng@') }
  const failure = await startProduct({ env: wrong }).then(
    () => undefined,
    (thrown: unknown) => String(thrown),
  )
  expect(failure).toContain('Check the user and password of CLICKHOUSE_URL')
  expect(failure).not.toContain('wr0ng')
})
