import { Redis as Client } from 'ioredis'
import { expect, test } from 'vitest'
import { createRandom } from '../../../core/model/random.ts'
import { boundViolation } from '../../../core/redis/bounds.ts'
import { commands } from '../../../core/redis/commands.ts'
import { redisLimits } from '../../../core/redis/index.ts'
import { findRedis, password, startRedis } from '../../support/servers/redis.ts'

const program = findRedis()
const words = ['k1', 'k2', 'k3', '0', '1', '2', '3', '01', '-1', 'STREAMS', 'GROUP', 'COUNT', 'BLOCK', 'NOACK', 'LEFT']
const more = [
  'WEIGHTS',
  'LIMIT',
  'STORE',
  'BY',
  'GET',
  'MATCH',
  'AGGREGATE',
  'SUM',
  'OR',
  'CREATE',
  'STREAM',
  'DB',
  'KEYS',
  'streams',
  '',
]
const rounds = 300

/** What chance alone would hardly say. */
function beginning(name: string, word: () => string): readonly string[] {
  if (!name.startsWith('XREAD')) return []
  return [...(name === 'XREADGROUP' ? ['GROUP', word(), word()] : []), 'COUNT', '1', 'STREAMS']
}

test.skipIf(program === undefined)(
  'keys are where Redis itself finds them, whatever the arguments are',
  { timeout: 120_000 },
  async () => {
    const server = await startRedis(program ?? '')
    const client = new Client({ host: '127.0.0.1', port: server.port, password })
    const random = createRandom(11)
    const word = (): string => [...words, ...more][Math.floor(random() * (words.length + more.length))] ?? ''
    let compared = 0
    const known = new Set<string>()
    try {
      for (const [name, { keys }] of commands) {
        const calls = Array.from({ length: rounds }, () => {
          const begun = random() < 0.3 ? beginning(name, word) : []
          const args = [name, ...begun, ...Array.from({ length: 1 + Math.floor(random() * 8) }, word)]
          return { args, found: keys(args) }
        }).filter(({ args, found }) => typeof found !== 'string' && boundViolation(args, redisLimits) === undefined)
        const pipeline = client.pipeline()
        for (const { args } of calls) pipeline.call('COMMAND', 'GETKEYS', ...args)
        const came = (await pipeline.exec()) ?? []
        for (const [at, { args, found }] of calls.entries()) {
          const [error, said] = came[at] ?? []
          const message = error?.message ?? ''
          // Not well formed for Redis: nothing is done.
          if (error !== null && error !== undefined && !message.includes('no key arguments')) continue
          const theirs = error === null || error === undefined ? (said as string[]) : []
          const ours = (found as readonly number[]).map((index) => args[index] ?? '')
          expect([args.join(' '), [...new Set(theirs)].toSorted()]).toEqual([
            args.join(' '),
            [...new Set(ours)].toSorted(),
          ])
          compared++
          known.add(name)
        }
      }
    } finally {
      client.disconnect()
      await server.stop()
    }
    // What Redis 7.0 does not have yet.
    const newer = /^(?:JSON\.|H(?:GETDEL|GETEX|SETEX|P?TTL|P?EXPIRE\w*|PERSIST))/
    expect([...commands.keys()].filter((name) => !known.has(name) && !newer.test(name))).toEqual([])
    expect(compared).toBeGreaterThan(10_000)
  },
)
