import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { RouteSchema } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { keepingOf, requestKey } from '../../../edge/proxy/keep.ts'

const cache = { ttlSeconds: 10, staleWhileRevalidateSeconds: 20, staleIfErrorSeconds: 30 }
const route = (more = {}) => create(RouteSchema, { name: 'shop', version: 1, cache, ...more })
const kept = (headers: Record<string, string>, more = {}, status = 200) =>
  keepingOf(route(more), status, new Headers(headers))

describe('an answer is kept', () => {
  test('for as long as the route says, where it says nothing itself', () => {
    expect(kept({})).toEqual({ shared: false, freshMs: 10_000, revalidateMs: 30_000, errorMs: 40_000 })
  })

  test('for as long as it says itself, which counts from when it was made', () => {
    expect(kept({ 'cache-control': 'max-age=60', age: '45' })).toMatchObject({ freshMs: 15_000 })
    expect(kept({ 'cache-control': 'max-age=60, s-maxage=5' })).toMatchObject({ freshMs: 5_000, shared: true })
    expect(kept({ 'cache-control': 'max-age=1, stale-while-revalidate=2, stale-if-error="3"' })).toMatchObject({
      freshMs: 1_000,
      revalidateMs: 3_000,
      errorMs: 4_000,
    })
  })

  test('not beyond its time, where it says that', () => {
    for (const strict of ['must-revalidate', 'proxy-revalidate']) {
      expect(kept({ 'cache-control': `max-age=5, ${strict}` })).toMatchObject({ revalidateMs: 5_000, errorMs: 5_000 })
    }
  })

  test('for its caller alone, unless the answer or the route is for all', () => {
    expect(kept({})?.shared).toBe(false)
    expect(kept({ 'cache-control': 'public' })?.shared).toBe(true)
    expect(kept({}, { public: true })?.shared).toBe(true)
  })

  test.each([
    [{ 'cache-control': 'no-store' }],
    [{ 'cache-control': 'Private, max-age=60' }],
    [{ 'cache-control': 'no-cache="set-cookie"' }],
    [{ 'set-cookie': 'a=b' }],
    [{ vary: '*' }],
    [{ vary: 'Accept, Cookie' }],
    [{ vary: 'User-Agent' }],
    [{ 'content-range': 'bytes 0-1/2' }],
  ])('never where it is %j', (headers) => {
    expect(kept(headers as Record<string, string>)).toBeUndefined()
    expect(kept(headers as Record<string, string>, { public: true })).toBeUndefined()
  })

  test('never where it is no success, or the route keeps nothing', () => {
    for (const status of [201, 204, 206, 301, 304, 404, 500]) expect(kept({}, {}, status)).toBeUndefined()
    expect(keepingOf(create(RouteSchema, {}), 200, new Headers())).toBeUndefined()
    expect(kept({ 'cache-control': 'max-age=0, must-revalidate' })).toBeUndefined()
  })

  test('by what it may vary by', () => {
    const key = (headers: Record<string, string>, rest = '/a', more = {}, workspace = 'main') =>
      requestKey(route(more), workspace, rest, new Headers(headers))
    const other = [
      key({ accept: 'text/csv' }),
      key({ 'accept-language': 'de' }),
      key({ origin: 'https://a.example' }),
      key({}, '/a?x=1'),
      key({}, '/a', { version: 2 }),
      key({}, '/a', { name: 'other' }),
      key({}, '/a', {}, 'other'),
      key({}),
    ]
    expect(new Set(other).size).toBe(other.length)
    expect(key({ 'user-agent': 'x' })).toBe(key({}))
  })
})
