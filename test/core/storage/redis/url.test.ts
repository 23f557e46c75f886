import { describe, expect, test } from 'vitest'
import { parseRedisUrl } from '../../../../core/storage/redis/url.ts'

describe('REDIS_URL', () => {
  test('says where, who, and what is not as usual', () => {
    expect(parseRedisUrl('redis://cache.example')).toEqual({
      host: 'cache.example',
      port: 6379,
      db: 0,
      prefix: 'edgewise',
      timeoutMs: 5_000,
    })
    expect(parseRedisUrl('rediss://me:p%40ss%2F@[::1]:7000/3?prefix=one&timeout_ms=250')).toEqual({
      host: '::1',
      port: 7000,
      username: 'me',
      password: 'p@ss/',
      db: 3,
      prefix: 'one',
      timeoutMs: 250,
      tls: {},
    })
    expect(parseRedisUrl('rediss://cache.example')).toMatchObject({ tls: { servername: 'cache.example' } })
  })

  test.each([
    ['cache.example:6379', 'must be like redis://'],
    ['http://cache.example', 'must be like redis://'],
    ['redis://:s3cret@', 'must be like redis://'],
    ['redis://h/name', 'by a number'],
    ['redis://h/0#x', 'has a #'],
    ['redis://h?prefx=a', 'has no parameter prefx: there are prefix, timeout_ms'],
    ['redis://h?prefix=a&prefix=b', 'has prefix twice'],
    ['redis://h?prefix=*', 'prefix must be'],
    ['redis://h?prefix=a:b', 'prefix must be'],
    ['redis://h?timeout_ms=1', 'timeout_ms must be'],
    ['redis://h?ca=/x', 'ca is for rediss://'],
    ['rediss://h?cert=/x', 'cert and key go together'],
    ['rediss://h?ca=/absent', 'cannot be read'],
    ['redis://:%zz@h', '%-escape'],
  ])('%s does not hold', (text, why) => {
    const said = parseRedisUrl(text)
    expect(said).toContain(why)
    expect(said).not.toContain('s3cret')
  })
})
