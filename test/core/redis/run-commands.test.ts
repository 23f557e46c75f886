import { hash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { commands } from '../../../core/redis/commands.ts'
import { redisLimits } from '../../../core/redis/index.ts'
import { type Arg, both, engines, startWorld, type World } from './fixture.ts'

describe.each(engines)('commands on $engine', ({ engine, isAbsent }) => {
  let world: World
  beforeAll(async () => {
    if (!isAbsent) world = await startWorld(engine)
  })
  afterAll(() => world?.close())
  beforeEach(() => world?.clear())
  const one = (...command: Arg[]) => world.one(...command)
  const error = (text: string) => ({ error: expect.stringContaining(text) as string })

  describe.skipIf(isAbsent)('of a workspace', () => {
    test('texts, counters and times to live', async () => {
      expect(await one('set', 'k', 'grüße', 'EX', 100)).toBe('OK')
      expect(await one('GET', 'k')).toBe('grüße')
      expect(await one('TTL', 'k')).toBe(100n)
      expect(await one('SET', 'k', 'x', 'NX')).toBe(null)
      expect(await one('SET', 'k', 'y', 'GET')).toBe('grüße')
      expect(await one('APPEND', 'k', 'z')).toBe(2n)
      expect(await one('MSET', 'a', 1, 'b', 2)).toBe('OK')
      expect(await one('MGET', 'a', 'b', 'c')).toEqual(['1', '2', null])
      expect(await one('INCRBY', 'a', '9007199254740993')).toBe(9_007_199_254_740_994n)
      expect(await one('INCR', 'k')).toEqual(error('not an integer'))
      expect(await one('GETDEL', 'b')).toBe('2')
      expect(await one('EXISTS', 'a', 'a', 'b')).toBe(2n)
      expect(await one('DEL', 'a', 'b')).toBe(1n)
    })

    test('hashes, lists, sets and sorted sets', async () => {
      expect(await one('HSET', 'h', 'a', 1, 'b', 2)).toBe(2n)
      expect(await one('HGETALL', 'h')).toEqual(['a', '1', 'b', '2'])
      expect(await one('HMGET', 'h', 'b', 'none')).toEqual(['2', null])
      expect(await one('RPUSH', 'l', 'a', 'b', 'c')).toBe(3n)
      expect(await one('LRANGE', 'l', 0, -1)).toEqual(['a', 'b', 'c'])
      expect(await one('LMOVE', 'l', 'm', 'LEFT', 'RIGHT')).toBe('a')
      expect(await one('LPOP', 'l', 2)).toEqual(['b', 'c'])
      expect(await one('SADD', 's', 'a', 'b')).toBe(2n)
      expect(await one('SADD', 't', 'b')).toBe(1n)
      expect(await one('SINTER', 's', 't')).toEqual(['b'])
      expect(await one('SUNIONSTORE', 'u', 's', 't')).toBe(2n)
      expect(await one('SMISMEMBER', 'u', 'a', 'c')).toEqual([1n, 0n])
      expect(await one('ZADD', 'z', 1, 'a', 2, 'b')).toBe(2n)
      expect(await one('ZRANGE', 'z', 0, -1, 'REV', 'WITHSCORES')).toEqual(['b', '2', 'a', '1'])
      expect(await one('ZUNIONSTORE', 'y', 2, 'z', 's')).toBe(2n)
      expect(await one('ZINTER', 2, 'z', 'y')).toEqual(['a', 'b'])
      expect(await one('HSET', 'h', 'odd')).toEqual(error('wrong number of arguments'))
    })

    test('what answers keys answers their own names', async () => {
      await one('XADD', 's', '1-1', 'f', 'v')
      expect(await one('XREAD', 'COUNT', 1, 'STREAMS', 's', 0)).toEqual([['s', [['1-1', ['f', 'v']]]]])
      expect(await one('XGROUP', 'CREATE', 's', 'STREAMS', 0)).toBe('OK')
      const read = ['XREADGROUP', 'GROUP', 'STREAMS', 'me', 'STREAMS', 's', '>']
      expect(await one(...read)).toEqual([['s', [['1-1', ['f', 'v']]]]])
      expect(await one('XREADGROUP', 'GROUP', 'none', 'me', 'STREAMS', 's', '>')).toEqual(error('NOGROUP'))
      expect(JSON.stringify(await one('XREADGROUP', 'GROUP', 'none', 'me', 'STREAMS', 's', '>'))).not.toContain(
        'edgewise',
      )
      await one('RPUSH', 'l', 'a', 'b')
      expect(await one('LMPOP', 2, 'none', 'l', 'LEFT')).toEqual(['l', ['a']])
      await one('ZADD', 'z', 1, 'a')
      expect(await one('ZMPOP', 1, 'z', 'MIN')).toEqual(['z', [['a', '1']]])
      expect(await one('RANDOMKEY')).toMatch(/^[sl]$/)
    })

    test('scanning goes through its own keys alone', async () => {
      for (let i = 0; i < 250; i++) await world.other('SET', `theirs:${i}`, i)
      await world.run(Array.from({ length: 250 }, (_, i) => ['SET', `mine:${i}`, i]))
      await one('HSET', 'hash', 'f', 'v')
      const found = new Set<string>()
      let cursor = '0'
      do {
        const [next, keys] = (await one('SCAN', cursor, 'MATCH', 'mine:*', 'COUNT', 50)) as [string, string[]]
        for (const key of keys) found.add(key)
        cursor = next
      } while (cursor !== '0')
      expect(found.size).toBe(250)
      expect([...found].every((key) => key.startsWith('mine:'))).toBe(true)
      expect(await one('SCAN', 0, 'COUNT', 100_000, 'TYPE', 'hash')).toEqual([expect.any(String), ['hash']])
      expect(await one('KEYS', '*ine:1?')).toHaveLength(10)
      // What would reach out of the prefix, were it a part of it.
      for (const pattern of ['../*', '*', '[^a]*', '\\*', 'edgewise:b:*']) {
        const keys = (await one('KEYS', pattern)) as readonly string[]
        expect(keys.filter((key) => key.includes('theirs'))).toEqual([])
      }
      expect(await one('DBSIZE')).toBe(251n)
      expect(await one('FLUSHDB')).toBe('OK')
      expect(await one('DBSIZE')).toBe(0n)
      expect(await world.other('DBSIZE')).toBe(250n)
    })

    test('a pipeline goes on after a refusal, and a transaction does not begin', async () => {
      expect(await world.run([['SET', 'k', 'v'], ['NONSENSE'], ['INCR', 'k'], ['GET', 'k']])).toEqual([
        'OK',
        error("'NONSENSE' is not offered"),
        error('not an integer'),
        'v',
      ])
      expect(
        await world.run(
          [
            ['SET', 'k', 1],
            ['INCR', 'k'],
            ['LPUSH', 'k', 'x'],
          ],
          { atomic: true },
        ),
      ).toEqual(['OK', 2n, error('WRONGTYPE')])
      for (const bad of [['NONSENSE'], ['GET'], ['KEYS', '*']]) {
        await expect(world.run([['SET', 'k', 'changed'], bad], { atomic: true })).rejects.toMatchObject({
          problem: 'redis.refused',
          message: expect.stringContaining('EXECABORT') as string,
        })
      }
      expect(await one('GET', 'k')).toBe('2')
    })

    test('transactions of many at once do not mix', async () => {
      const rounds = Array.from({ length: 50 }, () =>
        world.run(
          [
            ['INCR', 'n'],
            ['GET', 'n'],
            ['DECR', 'n'],
            ['GET', 'n'],
          ],
          { atomic: true },
        ),
      )
      for (const replies of await Promise.all(rounds)) expect(replies).toEqual([1n, '1', 0n, '0'])
    })
  })

  describe.skipIf(isAbsent)('of two workspaces', () => {
    test('one sees and changes nothing of the other, by any command that there is', async () => {
      const types: Record<string, Arg[]> = {
        text: ['SET', 'text', 'secret'],
        hash: ['HSET', 'hash', 'f', 'secret'],
        list: ['RPUSH', 'list', 'secret'],
        set: ['SADD', 'set', 'secret'],
        zset: ['ZADD', 'zset', 1, 'secret'],
        stream: ['XADD', 'stream', '1-1', 'f', 'secret'],
      }
      for (const command of Object.values(types)) await world.other(...command)
      const snapshot = async () => [
        await world.other('GET', 'text'),
        await world.other('HGETALL', 'hash'),
        await world.other('LRANGE', 'list', 0, -1),
        await world.other('SMEMBERS', 'set'),
        await world.other('ZRANGE', 'zset', 0, -1),
        await world.other('XLEN', 'stream'),
        await world.other('TTL', 'text'),
      ]
      const before = await snapshot()
      const names = Object.keys(types).flatMap((name) => [name, `edgewise:b:${name}`, `../b:${name}`])
      for (const command of commands.keys()) {
        for (const name of names) {
          // As a key wherever there may be one, beside numbers and options that some commands need.
          const said = await world.run([
            [command, name],
            [command, name, name],
            [command, name, name, name],
            [command, 1, name],
            [command, 1, name, 'LEFT'],
            [command, name, 1, name],
            [command, name, 0, -1],
            [command, name, 1],
            [command, 'OR', name, name],
            [command, 'STREAMS', name, 0],
            [command, 'STREAM', name],
          ])
          expect(
            JSON.stringify(said, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
          ).not.toContain('secret')
        }
      }
      expect(await snapshot()).toEqual(before)
      const outside = (await world.keys()).filter((key) => !/^edgewise:[ab]:/.test(key))
      expect(outside).toEqual([])
    }, 120_000)

    test('what could leave the prefix is refused', async () => {
      await one('SET', 'k', 'v')
      for (const command of [
        ['COPY', 'k', 'l', 'DB', '0'],
        ['SORT', 'k', 'BY', 'edgewise:b:*', 'GET', 'edgewise:b:*'],
        ['SELECT', '1'],
        ['MOVE', 'k', '1'],
        ['SWAPDB', '0', '1'],
        ['CONFIG', 'GET', '*'],
        ['CLIENT', 'LIST'],
        ['ACL', 'LIST'],
        ['MONITOR'],
        ['SUBSCRIBE', 'x'],
        ['PUBLISH', 'x', 'y'],
        ['MIGRATE', 'h', '1', 'k', '0', '1'],
        ['DEBUG', 'OBJECT', 'k'],
        ['MEMORY', 'USAGE', 'edgewise:b:k'],
        ['OBJECT', 'ENCODING', 'edgewise:b:k'],
        ['MULTI'],
        ['EXEC'],
        ['WATCH', 'edgewise:b:k'],
        ['AUTH', 'x'],
        ['SHUTDOWN'],
        ['REPLICAOF', 'evil.example', '6379'],
        ['MODULE', 'LOAD', '/tmp/x'],
        ['FUNCTION', 'LOAD', 'x'],
        ['FCALL', 'f', '0'],
        ['BLPOP', 'k', '0'],
        ['XREAD', 'BLOCK', '0', 'STREAMS', 'k', '$'],
        ['GEORADIUS', 'k', '0', '0', '1', 'm', 'STORE', 'edgewise:b:k'],
        ['RESTORE', 'k', '0', 'x'],
        ['GET\r\nFLUSHALL', 'k'],
        ['', 'k'],
      ]) {
        expect(await one(...command), command.join(' ')).toEqual({ error: expect.any(String) as string })
      }
      expect(await one('GET', 'k')).toBe('v')
    })

    test('numbers of keys are read as Redis reads them', async () => {
      await world.other('ZADD', 'z', 1, 'secret')
      for (const count of ['1.0', '+1', ' 1', '01', '1e0', '0x1', '-1', '2', '99999999999']) {
        expect(await one('ZUNION', count, 'edgewise:b:z'), count).toEqual({ error: expect.any(String) as string })
      }
    })
  })

  describe.skipIf(isAbsent)('with scopes', () => {
    test('reading does not allow to change, nor changing to read', async () => {
      await one('SET', 'k', 'v')
      const refused = { problem: 'auth.scope' }
      expect(await world.run([['GET', 'k']], { scopes: ['redis:read'] })).toEqual(['v'])
      expect(await world.run([['SET', 'k', 'w']], { scopes: ['redis:write'] })).toEqual(['OK'])
      const changes: Arg[][] = [['SET', 'k', 'x'], ['FLUSHDB'], ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'k', '>']]
      for (const command of changes) {
        await expect(world.run([['GET', 'k'], command], { scopes: ['redis:read'] })).rejects.toMatchObject(refused)
      }
      for (const command of [
        ['GET', 'k'],
        ['KEYS', '*'],
      ]) {
        await expect(world.run([command], { scopes: ['redis:write'] })).rejects.toMatchObject(refused)
      }
      await expect(world.run([['NONSENSE']], { scopes: ['sql:read'] })).rejects.toMatchObject(refused)
      await expect(world.run([['SET', 'k', 'x']], { readOnly: true })).rejects.toMatchObject({
        problem: 'request.method',
      })
      expect(await one('GET', 'k')).toBe('w')
    })
  })

  describe.skipIf(isAbsent)('within bounds', () => {
    test('a few bytes do not become many', async () => {
      const far = redisLimits.maxOffsetBytes + 1
      for (const command of [
        ['SETRANGE', 'k', far, 'x'],
        ['SETBIT', 'k', far * 8 + 8, 1],
        ['BITFIELD', 'k', 'SET', 'u64', '#4294967295', 1],
        ['BITFIELD', 'k', 'SET', 'u8', far * 8, 1],
      ]) {
        expect(await one(...command)).toEqual(error('offset'))
      }
      expect(await one('BITFIELD', 'k', 'SET', 'u32', 0, 4_000_000_000)).toEqual([0n])
      await one('SADD', 's', 'a')
      expect(await one('SRANDMEMBER', 's', -1_000_000)).toEqual(error('count'))
      expect(await one('SRANDMEMBER', 's', -3)).toEqual(['a', 'a', 'a'])
      expect(await one('SET', 'x'.repeat(5_000), 1)).toEqual(error('a key has at most'))
    })

    test('an answer that is too large is not asked for', async () => {
      const megabyte = 'x'.repeat(1_000_000)
      await world.run([
        ['SET', 'big', megabyte],
        ['HSET', 'h', 'f', megabyte],
        ['RPUSH', 'l', megabyte],
      ])
      const much = /^ERR (?:the answer may be larger|not run)/
      const refusals = async (...command: Arg[]): Promise<number> => {
        const replies = await world.run(Array.from({ length: 20 }, () => command))
        return replies.filter((reply) => much.test((reply as { error?: string } | null)?.error ?? '')).length
      }
      // With what the server keeps beside them, seven or eight fit.
      expect(await refusals('GET', 'big')).toBeOneOf([12, 13])
      expect(await refusals('HGET', 'h', 'f')).toBe(12)
      expect(await one('MGET', ...Array.from({ length: 20 }, () => 'big'))).toEqual(error('may be larger'))
      expect(await one('HMGET', 'h', ...Array.from({ length: 20 }, () => 'f'))).toEqual(error('may be larger'))
      // Made larger by what comes before it.
      const grown = await world.run([
        ...Array.from({ length: 8 }, () => ['APPEND', 'g', megabyte]),
        ['GET', 'g'],
        ['GET', 'g'],
      ])
      expect(grown.at(-1)).toEqual(error('may be larger'))
      const many = Array.from({ length: 40 }, () => ['LINDEX', 'l', 0])
      expect((await world.run(many)).at(-1)).toEqual(error('not run'))
      await expect(world.run(many, { atomic: true })).rejects.toMatchObject({ problem: 'redis.refused' })
    })

    test('a workspace that has all that it may have can read, remove, and then write again', async () => {
      let now = 0
      const { run } = world.domain({ workspaceBytes: 1_000_000, now: () => now })
      const part = 'x'.repeat(300_000)
      expect(
        await run([
          ['SET', 'a', part],
          ['SET', 'b', part],
        ]),
      ).toEqual(['OK', 'OK'])
      expect(
        await run([
          ['SET', 'c', part],
          ['SET', 'd', part],
          ['STRLEN', 'a'],
        ]),
      ).toEqual([error('OOM'), error('OOM'), 300_000n])
      expect(await run([['SET', 'e', part]])).toEqual(['OK'])
      expect(await run([['COPY', 'a', 'f']])).toEqual([error('OOM')])
      // Others have their own.
      expect(await run([['SET', 'a', part]], { workspace: 'b' })).toEqual(['OK'])
      expect(await run([['DEL', 'a', 'b']])).toEqual([2n])
      now += 10_000
      expect(await run([['SET', 'c', part]])).toEqual(['OK'])
      // Another process finds what there is.
      const later = world.domain({ workspaceBytes: 800_000 })
      expect(await later.run([['SET', 'x', part]])).toEqual([error('OOM')])
    })

    test('a request is bounded', async () => {
      const many = Array.from({ length: redisLimits.maxCommands + 1 }, () => ['PING'])
      await expect(world.run(many)).rejects.toMatchObject({ problem: 'request.too_large' })
      await expect(world.run([])).rejects.toMatchObject({ problem: 'request.too_large' })
      expect(await world.run([[]])).toEqual([{ error: expect.any(String) as string }])
    })
  })

  describe.skipIf(isAbsent)('that are scripts', () => {
    test('of another’s making are refused, before they reach Redis', async () => {
      const script = "return redis.call('GET', 'edgewise:b:text')"
      expect(await one('EVAL', script, 0)).toEqual(error('not offered'))
      expect(await one('EVALSHA', hash('sha1', script), 0)).toEqual(error('NOSCRIPT'))
      expect(await one('SCRIPT', 'LOAD', script)).toEqual(error('not offered'))
      expect(await one('SCRIPT', 'EXISTS', hash('sha1', script))).toEqual([0n])
      expect(await one('SCRIPT', 'FLUSH')).toEqual(error('SCRIPT'))
    })
  })

  test.skipIf(isAbsent)('JSON is named where the Redis has none', async () => {
    expect(await world.one('JSON.SET', 'k', '$', '{}')).toEqual(error('it has no JSON'))
  })

  test.skipIf(isAbsent)('keys are bytes, whatever they are', async () => {
    const key = new Uint8Array([0, 255, 10, 13, 42])
    expect(
      await world.run(
        [
          ['SET', key, 'v'],
          ['GET', key],
        ],
        { scopes: both },
      ),
    ).toEqual(['OK', 'v'])
    expect(await world.one('EXISTS', '*')).toBe(0n)
  })
})
