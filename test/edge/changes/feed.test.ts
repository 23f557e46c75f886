import { beforeEach, describe, expect, test } from 'vitest'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import { createEdge, type Edge } from '../support.ts'

let edge: Edge
let key: string
const path = '/v1/endpoints/top'

beforeEach(() => {
  edge = createEdge()
  edge.fake.publish({ name: 'top', cache: { ttlSeconds: 20, staleIfErrorSeconds: 600 } })
  key = edge.fake.key()
})

/** A core that takes calls and answers none. */
function stall(): () => void {
  const { watch } = edge.fake.core.config
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  Object.assign(edge.fake.core.config, {
    async watch(...args: Parameters<typeof watch>) {
      await held
      return watch(...args)
    },
  })
  return release
}

describe('a clock that is set back', () => {
  test.each([60, 3_600, 86_400 * 365])(
    'by %d s makes the edge forget and ask again: nothing stays valid for longer, nobody is shut out',
    async (seconds) => {
      const other = edge.fake.key()
      await edge.get(path, key)
      await edge.get(path, other)
      edge.fake.forget(key)
      edge.fake.changed(Change_Kind.KEY, edge.fake.actorOf(other).id)
      edge.advance(-seconds)
      expect((await edge.get(path, key)).status).toBe(401)
      const fresh = await edge.get(path, other)
      expect(fresh.status).toBe(200)
      expect(fresh.headers.get('cache-status')).toContain('ttl=20')
      edge.advance(21)
      expect((await edge.get(path, other)).headers.get('cache-status')).toContain('ttl=20')
    },
  )

  test('while a poll is on its way does not make what it says hold for longer', async () => {
    await edge.get(path, key)
    edge.advance(3)
    const release = stall()
    await edge.get(path, key)
    edge.advance(-3_600)
    const waiting = edge.get(path, key)
    release()
    await waiting
    edge.fake.changed(Change_Kind.KEY, edge.fake.actorOf(key).id)
    edge.fake.forget(key)
    await edge.settled()
    edge.advance(5)
    expect((await edge.get(path, key)).status).toBe(401)
  })

  test('by less than a second is only a correction', async () => {
    await edge.get(path, key)
    edge.clock.now -= 900
    expect((await edge.get(path, key)).headers.get('cache-status')).toContain('hit')
  })
})

test.each([60, 3_600, 86_400 * 365])('a clock that jumps %d s ahead costs a poll and a new answer', async (seconds) => {
  await edge.get(path, key)
  edge.advance(seconds)
  expect((await edge.get(path, key)).status).toBe(200)
  expect(edge.fake.state.polls).toBe(2)
})

test('the feed of a core restored from a backup, whose cursor goes back, resets what is known', async () => {
  for (let i = 0; i < 9; i++) edge.fake.changed(Change_Kind.STREAM, 'a')
  await edge.get(path, key)
  const { watch } = edge.fake.core.config
  const since: (string | undefined)[] = []
  // What the core answers to a cursor beyond its newest change.
  Object.assign(edge.fake.core.config, {
    async watch(request: { since?: string }, options: object) {
      since.push(request.since)
      return since.length === 1 ? { cursor: '2', reset: true, changes: [] } : watch(request, options)
    },
  })
  edge.fake.forget(key)
  edge.advance(5)
  expect((await edge.get(path, key)).status).toBe(401)
  edge.advance(5)
  await edge.get('/health/ready')
  expect(since).toEqual(['9', '2'])
})

test('a core that stalls is waited for once; after that, requests go on at once with what is here', async () => {
  await edge.get(path, key)
  edge.fake.state.down = true
  edge.advance(6)
  expect((await edge.get(path, key)).headers.get('edgewise-fallback')).toBe('core-unreachable')
  edge.fake.state.down = false
  const release = stall()
  edge.advance(2)
  for (const mostMs of [450, 150]) {
    const began = performance.now()
    const kept = await edge.get(path, key)
    expect([kept.status, kept.headers.get('edgewise-fallback')]).toEqual([200, 'core-unreachable'])
    expect(performance.now() - began).toBeLessThan(mostMs)
    edge.clock.now += 300
  }
  release()
  await edge.settled()
  expect((await edge.get(path, key)).headers.get('edgewise-fallback')).toBe(null)
})
