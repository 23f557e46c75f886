import { startProduct } from '../support/product.ts'
import { findRedis, startRedis } from '../support/servers/redis.ts'

/** Redis over HTTP through the whole product, embedded and on a server: `TEST_SERVERS=found node test/bench/redis.ts`. */
const seconds = 5

async function perSecond(width: number, ask: () => Promise<Response>): Promise<number> {
  const until = performance.now() + seconds * 1_000
  let count = 0
  const one = async (): Promise<void> => {
    while (performance.now() < until) {
      const answer = await ask()
      if (!answer.ok) throw new Error(await answer.text())
      await answer.arrayBuffer()
      count++
    }
  }
  await Promise.all(Array.from({ length: width }, one))
  return Math.round(count / seconds)
}

const program = findRedis()
for (const engine of ['embedded', 'server'] as const) {
  if (engine === 'server' && program === undefined) continue
  const server = engine === 'server' ? await startRedis(program ?? '') : undefined
  const product = await startProduct({
    env: { DEFAULT_PLAN_REQUESTS: '0', ...(server && { REDIS_URL: server.url() }) },
  })
  const headers = { authorization: `Bearer ${product.key}`, 'content-type': 'application/json' }
  const post = (path: string, body: unknown) => () =>
    fetch(`${product.url}/redis${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const hundred = Array.from({ length: 100 }, (_, i) => ['SET', `k${i}`, 'v'])
  console.log(`${engine}: ${await perSecond(32, post('', ['SET', 'k', 'v']))} SET/s, 32 at once`)
  console.log(`${engine}: ${await perSecond(32, post('', ['GET', 'k']))} GET/s, 32 at once`)
  console.log(
    `${engine}: ${100 * (await perSecond(8, post('/pipeline', hundred)))} SET/s in pipelines of 100, 8 at once`,
  )
  await product.stop()
  await server?.stop()
}
