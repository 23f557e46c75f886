import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Redis, RedisReply } from '../storage/redis.ts'
import type { RedisLimits } from './limits.ts'
import { ownName } from './names.ts'

const pageOfKeys = 1_000

/** Commands about all keys: those of the workspace are found by going through what there is, a page at a time. */
export async function walk(
  deps: { readonly redis: Redis; readonly limits: RedisLimits },
  ctx: Pick<Context, 'deadline' | 'signal'>,
  prefix: string,
  args: readonly string[],
): Promise<RedisReply> {
  const [name, pattern = '*'] = args
  const { redis, limits } = deps
  if (name === 'SCAN') return scan(redis, prefix, args, limits)
  if (name === 'KEYS' && args.length !== 2) return { refusal: "ERR wrong number of arguments for 'keys' command" }
  const match = name === 'KEYS' || name === 'RESET' ? pattern : '*'
  if (name === 'RESET' || name === 'FLUSHDB' || name === 'FLUSHALL') {
    for await (const keys of pages(redis, ctx, prefix, match)) await redis.send([['UNLINK', ...keys]])
    return name === 'RESET' ? null : Buffer.from('OK')
  }
  const found = new Map<string, Buffer>()
  let bytes = 0
  for await (const keys of pages(redis, ctx, prefix, match)) {
    for (const key of keys) {
      found.set(key.toString('latin1'), key)
      bytes += key.byteLength
    }
    if (name !== 'DBSIZE' && (found.size > limits.maxWalkedKeys || bytes > limits.maxReplyBytes)) {
      if (name === 'RANDOMKEY') break
      return { refusal: `ERR there are more keys than KEYS answers here (${limits.maxWalkedKeys}): use SCAN` }
    }
  }
  if (name === 'DBSIZE') return BigInt(found.size)
  const own = [...found.values()].map((key) => ownName(key, prefix))
  return name === 'KEYS' ? own : (own[Math.floor(Math.random() * own.length)] ?? null)
}

/** `SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]`. A page may hold few keys, or none: the server's are gone through. */
async function scan(redis: Redis, prefix: string, args: readonly string[], limits: RedisLimits): Promise<RedisReply> {
  const [, cursor = '', ...options] = args
  if (!/^\d{1,20}$/.test(cursor)) return { refusal: 'ERR invalid cursor' }
  let pattern = '*'
  let count = 10
  const type: string[] = []
  for (let at = 0; at < options.length; at += 2) {
    const value = options[at + 1]
    const option = options[at]?.toUpperCase()
    if (value === undefined) return { refusal: 'ERR syntax error' }
    if (option === 'MATCH') pattern = value
    else if (option === 'TYPE') type.push('TYPE', value)
    else if (option === 'COUNT' && /^[1-9]\d{0,8}$/.test(value)) count = Math.min(Number(value), limits.maxScanCount)
    else return { refusal: 'ERR syntax error' }
  }
  const match = Buffer.from(prefix + pattern, 'latin1')
  const [reply = null] = await redis.send([['SCAN', cursor, 'MATCH', match, 'COUNT', String(count), ...type]])
  if (!Array.isArray(reply)) return reply
  const [next, keys] = reply as [Buffer, readonly Buffer[]]
  return [next, keys.map((key) => ownName(key, prefix))]
}

/** The keys of a workspace that match, some more than once. */
export async function* pages(
  redis: Redis,
  { deadline, signal }: Pick<Context, 'deadline' | 'signal'>,
  prefix: string,
  pattern: string,
): AsyncGenerator<readonly Buffer[]> {
  const match = Buffer.from(prefix + pattern, 'latin1')
  let cursor = '0'
  do {
    signal.throwIfAborted()
    if (Date.now() > deadline) throw new Failure('limit.deadline', 'The keys could not be gone through in time.')
    const [reply] = await redis.send([['SCAN', cursor, 'MATCH', match, 'COUNT', String(pageOfKeys)]])
    if (!Array.isArray(reply)) throw new Failure('redis.unavailable', 'The keys cannot be gone through now.')
    const [next, keys] = reply as [Buffer, readonly Buffer[]]
    cursor = next.toString()
    if (keys.length > 0) yield keys
  } while (cursor !== '0')
}
