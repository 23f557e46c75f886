import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../e2e/ask.ts'
import { type Product, startProduct } from '../support/product.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import { findPostgres, type Postgres, startPostgres } from '../support/servers/postgres.ts'

const programs = findPostgres()
const libraries = kafkaLibraries()
const exec = promisify(execFile)
const timeout = 60_000

/** What is in the engines is there for whoever has them, by the clients that came with them. */
describe.skipIf(programs === undefined || libraries === undefined)('the clients of the engines', () => {
  let database: Postgres
  let broker: Kafka
  let product: Product
  beforeAll(async () => {
    ;[database, broker] = await Promise.all([startPostgres(programs ?? ''), startKafka({ libraries: libraries ?? '' })])
    const KAFKA_URL = `kafka://127.0.0.1:${broker.port}?prefix=plain`
    product = await startProduct({ env: { DATABASE_URL: database.url(), KAFKA_URL } })
  }, 180_000)
  afterAll(async () => {
    await product?.stop()
    await Promise.all([database?.stop(), broker?.stop()])
  })

  /** Kafka's own console. */
  async function consumed(topic: string, records: number): Promise<readonly string[]> {
    const asked = `--bootstrap-server 127.0.0.1:${broker.port} --topic ${topic} --from-beginning --timeout-ms 20000`
    const { stdout } = await exec('java', [
      '-cp',
      join(libraries ?? '', '*'),
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      ...asked.split(' '),
      '--max-messages',
      String(records),
    ])
    return stdout.split('\n').filter((line) => line !== '')
  }

  test('read the events of a stream from its topic, each as it came', { timeout }, async () => {
    await must(product, '/v1/events/visits?wait=true', {
      body: '{"n":1,"who":"ä"}\n{"n":2,"who":"b"}\n{"n":3,"who":"c"}',
    })
    const seen = (await consumed('plain-main-visits', 3)).map((line) => JSON.parse(line) as { n: number; who: string })
    expect(seen.toSorted((a, b) => a.n - b.n)).toMatchObject([
      { n: 1, who: 'ä' },
      { n: 2, who: 'b' },
      { n: 3, who: 'c' },
    ])
  })

  test('read what was produced over REST', { timeout }, async () => {
    await must(product, '/kafka/produce/orders', { json: { value: 'hello' } })
    expect(await consumed('plain-main--orders', 1)).toEqual(['hello'])
  })

  test('read the catalogue in SQL', { timeout }, async () => {
    const lamp = { name: 'Lamp', price: '12.50', currency: 'EUR' }
    await must(product, '/v1/products/lamp', { method: 'PUT', json: lamp })
    const sql = `select sku, name from catalog_products where workspace = 'main'`
    const { stdout } = await exec(join(programs ?? '', 'psql'), [database.url(), '-At', '-c', sql])
    expect(stdout).toBe('lamp|Lamp\n')
  })
})
