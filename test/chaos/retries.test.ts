import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { must, rows } from '../e2e/ask.ts'
import { type Product, startProduct } from '../support/product.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import { type Fate, fates, lossyProxy } from '../support/servers/lossy-proxy.ts'

/**
 * Clients on a bad network: batches that are lost, that are done and not answered, and that come after they were given
 * up and sent again; events that come twice in different batches, and in another order. What the tables say of them is
 * what one loop says that sees each event once.
 */
const events = 100_000
const seed = Number(process.env['CHAOS_SEED'] ?? 1)
const senders = 6
/** Of the requests, how many do not go well; of the events, how many come in a second batch too. */
const unlucky = 0.3
const twice = 0.15
/** How far an event may come from its place. */
const displaced = 5_000

interface Event {
  readonly id: string
  readonly at: string
  readonly shop: string
  readonly cents: number
}

interface Batch {
  readonly key: string
  readonly events: readonly Event[]
}

/** Who says which event is which: each by its id, the batch by its key, or nobody. */
type Identity = 'id' | 'key' | 'none'

function eventsOf(random: () => number, count: number): Event[] {
  return Array.from({ length: count }, (_, n) => {
    const hour = Math.floor(random() * 24)
    return {
      id: `e${n}`,
      at: `2026-${n % 2 === 0 ? '09' : '10'}-11T${String(hour).padStart(2, '0')}:00:00Z`,
      shop: `shop${Math.floor(random() * 40)}`,
      cents: Math.floor(random() * 1_000_000) - 200_000,
    }
  })
}

/** In batches of 1 to 1,000, out of order, and where each event is known, some of them in two batches. */
function batchesOf(random: () => number, all: readonly Event[], identity: Identity): Batch[] {
  const placed = all.flatMap((event, n) => {
    const again = identity === 'id' && random() < twice ? [{ event, at: n + random() * events }] : []
    return [{ event, at: n + random() * displaced }, ...again]
  })
  const sent = placed.toSorted((a, b) => a.at - b.at).map(({ event }) => event)
  const batches: Batch[] = []
  for (let from = 0; from < sent.length;) {
    const to = from + 1 + Math.floor(random() * 1_000)
    batches.push({ key: `batch-${batches.length}`, events: sent.slice(from, to) })
    from = to
  }
  return batches
}

interface Totals {
  readonly shop: string
  readonly hour: number
  readonly count: number
  readonly total: number
  readonly least: number
  readonly most: number
}

/** What is true of events that each happened once. */
function oracle(all: readonly Event[]): Totals[] {
  const totals = new Map<string, Totals>()
  for (const { shop, at, cents } of all) {
    const hour = Number(at.slice(11, 13))
    const key = `${shop}/${String(hour).padStart(2, '0')}`
    const had = totals.get(key) ?? { shop, hour, count: 0, total: 0, least: Infinity, most: -Infinity }
    totals.set(key, {
      ...had,
      count: had.count + 1,
      total: had.total + cents,
      least: Math.min(had.least, cents),
      most: Math.max(had.most, cents),
    })
  }
  return [...totals].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found)
}

const totalsSql = (stream: string) =>
  `SELECT shop, toHour(at) AS hour, count() AS count, sum(cents) AS total, min(cents) AS least, max(cents) AS most
   FROM ${stream} GROUP BY shop, hour ORDER BY shop, hour`

/** Sends all batches, each until it is acknowledged; the core is killed on the way. Answers how many were unlucky. */
async function load(product: Product, stream: string, batches: readonly Batch[], identity: Identity): Promise<number> {
  const proxy = await lossyProxy(product.url)
  const waiting = [...batches]
  let unluckyOnes = 0
  let acknowledged = 0
  const send = async ({ key, events: sent }: Batch, fate: Fate): Promise<boolean> => {
    const answer = await fetch(`${proxy.url}/v1/events/${stream}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${product.key}`,
        'content-type': 'application/x-ndjson',
        'x-fate': fate,
        ...(identity === 'key' && { 'idempotency-key': key }),
      },
      body: sent.map((event) => JSON.stringify(event)).join('\n'),
      signal: AbortSignal.timeout(20_000),
    }).catch(() => undefined)
    if (answer === undefined) return false
    const told = (await answer.json()) as { readonly accepted?: number; readonly quarantined?: number }
    if (answer.ok) expect(told).toMatchObject({ accepted: sent.length, quarantined: 0 })
    else expect([429, 503, 504]).toContain(answer.status)
    return answer.ok
  }
  await Promise.all(
    Array.from({ length: senders }, async (_, sender) => {
      const random = createRandom(seed * 1_000 + sender)
      for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
        for (let isDone = false; !isDone;) {
          const fate = random() < unlucky ? (fates[Math.floor(random() * fates.length)] ?? 'lost') : 'passed'
          if (fate !== 'passed') unluckyOnes++
          isDone = await send(batch, fate)
          if (!isDone) await sleep(20 + random() * 100)
        }
        if (++acknowledged === batches.length >> 1) await product.killCore()
      }
    }),
  )
  await proxy.quiet()
  await proxy.close()
  return unluckyOnes
}

/** What the tables say in the end. */
async function loaded(product: Product, stream: string, all: readonly Event[], identity: Identity) {
  const columns = [
    { name: 'id', type: 'String' },
    { name: 'at', type: 'DateTime64(3)' },
    { name: 'shop', type: 'String' },
    { name: 'cents', type: 'Int64' },
  ]
  const declared = { columns, time: 'at', ...(identity === 'id' && { id: 'id' }) }
  await must(product, `/v1/streams/${stream}`, { method: 'PUT', json: declared })
  const batches = batchesOf(createRandom(seed + 1), all, identity)
  const unluckyOnes = await load(product, stream, batches, identity)
  // Otherwise nothing was tried.
  expect(unluckyOnes).toBeGreaterThan(batches.length / 10)
  const statistics = async () => {
    const { json } = await must<{ statistics: { lag: number; repeated: number } }>(product, `/v1/streams/${stream}`)
    return json.statistics
  }
  await expect.poll(async () => (await statistics()).lag, { timeout: 60_000, interval: 200 }).toBe(0)
  const found = await rows<Totals>(product, totalsSql(stream))
  return { found: found.map((one) => ({ ...one })), repeated: (await statistics()).repeated }
}

function holds(open: () => Promise<Product>): void {
  let product: Product
  beforeAll(async () => void (product = await open()), 90_000)
  afterAll(() => product?.stop())
  const all = eventsOf(createRandom(seed), events)

  test('known by their ids, they are counted as by one who saw each once', { timeout: 240_000 }, async () => {
    const { found, repeated } = await loaded(product, 'by_id', all, 'id')
    expect(found).toEqual(oracle(all))
    expect(repeated).toBeGreaterThan(events * twice * 0.9)
  })

  test('known by the Idempotency-Key of their batch, likewise', { timeout: 240_000 }, async () => {
    const { found } = await loaded(product, 'by_key', all, 'key')
    expect(found).toEqual(oracle(all))
  })

  test('known by nothing, they are not: the network did what it should', { timeout: 120_000 }, async () => {
    const some = all.slice(0, 10_000)
    const { found, repeated } = await loaded(product, 'by_nothing', some, 'none')
    expect(found).not.toEqual(oracle(some))
    const counted = found.reduce((sum, { count }) => sum + count, 0)
    expect(counted).toBeGreaterThan(some.length)
    expect(repeated).toBe(0)
  })
}

describe(`${events.toLocaleString('en')} events from clients on a bad network, on the embedded log`, () => {
  holds(() => startProduct())
})

const libraries = kafkaLibraries()
describe.skipIf(libraries === undefined)('… on Apache Kafka', () => {
  let kafka: Kafka | undefined
  afterAll(() => kafka?.stop())
  holds(async () => {
    kafka = await startKafka({ libraries: libraries ?? '' })
    return startProduct({ env: { KAFKA_URL: kafka.url('retries') } })
  })
})
