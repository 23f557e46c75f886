import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis/cloudflare'

/** What the two clients' own documentation shows, as somebody's Worker has it: `GET /{example}`. To test. */
interface Env {
  readonly UPSTASH_REDIS_REST_URL: string
  readonly UPSTASH_REDIS_REST_TOKEN: string
}

type Example = (redis: Redis) => Promise<unknown>

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const examples: Readonly<Record<string, Example>> = {
  async strings(redis) {
    await redis.set('key', 'value')
    const value = await redis.get('key')
    await redis.set('key2', { name: 'grüße', n: [1, 2] }, { ex: 100 })
    const object = await redis.get('key2')
    return [value, object, await redis.ttl('key2'), await redis.incrby('count', 5), await redis.mget('key', 'none')]
  },
  async sortedSets(redis) {
    await redis.zadd('scores', { score: 1, member: 'team1' })
    await redis.zadd('scores', { score: 2, member: 'team2' }, { score: 3, member: 'team3' })
    return [
      await redis.zrange('scores', 0, 100),
      await redis.zrange('scores', 0, 1, { rev: true, withScores: true }),
      await redis.zscore('scores', 'team2'),
    ]
  },
  async lists(redis) {
    await redis.lpush('elements', 'magnesium')
    await redis.rpush('elements', 'iron', 'zinc')
    return [await redis.lrange('elements', 0, 100), await redis.lpop('elements'), await redis.llen('elements')]
  },
  async hashes(redis) {
    await redis.hset('people', { name: 'joe', age: 30 })
    return [await redis.hget('people', 'name'), await redis.hgetall('people'), await redis.hincrby('people', 'age', 1)]
  },
  async sets(redis) {
    await redis.sadd('animals', 'cat', 'dog')
    return [
      [await redis.spop('animals', 1)].flat().length,
      await redis.scard('animals'),
      await redis.sismember('animals', 'bird'),
    ]
  },
  async json(redis) {
    await redis.json.set('document', '$', { a: 1 })
  },
  async pipeline(redis) {
    const pipeline = redis.pipeline()
    pipeline.set('p', 1).incr('p')
    pipeline.get('p')
    return pipeline.exec()
  },
  async autoPipelining(redis) {
    // What reads goes in a pipeline of its own, beside that of what writes.
    const written = await Promise.all([redis.set('auto', 1), redis.incr('auto')])
    return [...written, ...(await Promise.all([redis.get('auto'), redis.strlen('auto')]))]
  },
  async multi(redis) {
    const transaction = redis.multi()
    transaction.set('m', 'v')
    transaction.get('m')
    return transaction.exec()
  },
  async scan(redis) {
    await redis.mset({ 'user:1': 'a', 'user:2': 'b' })
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, { match: 'user:*', count: 100 })
      cursor = next
      found.push(...keys)
    } while (cursor !== '0')
    return found.sort()
  },
  async keys(redis) {
    return redis.keys('*')
  },
  async script(redis) {
    return redis.createScript('return ARGV[1];').exec([], ['Hello'])
  },
  async fixedWindow(redis) {
    return windowed(new Ratelimit({ redis, limiter: Ratelimit.fixedWindow(10, '60 s'), prefix: 'fixed' }))
  },
  async slidingWindow(redis) {
    return windowed(new Ratelimit({ redis, limiter: Ratelimit.slidingWindow(10, '60 s'), prefix: 'sliding' }))
  },
  async tokenBucket(redis) {
    return windowed(new Ratelimit({ redis, limiter: Ratelimit.tokenBucket(5, '60 s', 10), prefix: 'bucket' }))
  },
  async refills(redis) {
    const limiter = Ratelimit.tokenBucket(1, '200 ms', 1)
    const ratelimit = new Ratelimit({ redis, limiter, prefix: 'refills', ephemeralCache: false })
    const first = await ratelimit.limit('id')
    const second = await ratelimit.limit('id')
    await sleep(250)
    return [first.success, second.success, (await ratelimit.blockUntilReady('id', 1_000)).success]
  },
}

/** Twelve where there are ten, what is left, another rate, another caller, and all again after a reset. */
async function windowed(ratelimit: Ratelimit): Promise<unknown> {
  const allowed: boolean[] = []
  for (let i = 0; i < 12; i++) allowed.push((await ratelimit.limit('user')).success)
  const { remaining } = await ratelimit.getRemaining('user')
  const other = await ratelimit.limit('other', { rate: 4 })
  await ratelimit.resetUsedTokens('user')
  const left = (await ratelimit.getRemaining('user')).remaining
  return [allowed.filter(Boolean).length, remaining, other.success, other.remaining, left]
}

export async function redisFetch(request: Request, env: Env): Promise<Response> {
  const example = examples[new URL(request.url).pathname.slice(1)]
  if (example === undefined) return Response.json(Object.keys(examples))
  const redis = Redis.fromEnv(env, { enableAutoPipelining: request.url.endsWith('autoPipelining') })
  try {
    return Response.json({ came: (await example(redis)) ?? null })
  } catch (thrown) {
    return Response.json({ error: (thrown as Error).message })
  }
}
