/**
 * Topics through the whole path, as `@upstash/kafka` uses them: messages produced and consumed per second, singly and in
 * batches, by one group whose instances share the partitions. On the log that `KAFKA_URL` names, else the embedded one.
 *
 *   node test/bench/topics.ts [--seconds 5] [--connections 8] [--batch 100]
 */
import { parseArgs } from 'node:util'
import { Kafka } from '@upstash/kafka'
import { startProduct } from '../support/product.ts'
import { quantile, table } from './report.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '8' },
    batch: { type: 'string', default: '100' },
  },
})
const seconds = Number(values.seconds)
const connections = Number(values.connections)
const value = JSON.stringify({ to: 'somebody@example.com', subject: 'x'.repeat(150) })

const { KAFKA_URL } = process.env
const product = await startProduct({ env: { LOG_LEVEL: 'warn', ...(KAFKA_URL !== undefined && { KAFKA_URL }) } })
const kafka = new Kafka({ url: `${product.url}/kafka`, username: 'main', password: product.key })

/** Messages per second, and how long each call took. */
async function measure(work: (worker: number) => Promise<number>) {
  const took: number[] = []
  let messages = 0
  const begun = performance.now()
  const workers = Array.from({ length: connections }, async (_, worker) => {
    while (performance.now() - begun < seconds * 1_000) {
      const before = performance.now()
      messages += await work(worker)
      took.push(performance.now() - before)
    }
  })
  await Promise.all(workers)
  return { messages, perSecond: messages / ((performance.now() - begun) / 1_000), p50: quantile(took, 0.5) }
}

const produce = (topic: string, length: number) =>
  measure(async () => (await kafka.producer().produceMany(Array.from({ length }, () => ({ topic, value })))).length)

await produce('warm', 1)
const single = await produce('single', 1)
const batched = await produce('batched', Number(values.batch))
const consumed = await measure(async (worker) => {
  const asked = { consumerGroupId: 'readers', instanceId: `i${worker % 4}`, topics: ['batched'], timeout: 0 }
  return (await kafka.consumer().consume({ ...asked, autoOffsetReset: 'earliest' })).length
})

const row = (what: string, { perSecond, p50 }: typeof single) => [
  what,
  Math.round(perSecond).toLocaleString('en'),
  `${p50.toFixed(1)} ms`,
]
table(`Topics by @upstash/kafka, ${value.length} bytes, ${connections} connections`, [
  ['', 'messages/s', 'a call, p50'],
  row('produced singly', single),
  row(`produced in batches of ${values.batch}`, batched),
  row('consumed by a group of 4', consumed),
])
await product.stop()
