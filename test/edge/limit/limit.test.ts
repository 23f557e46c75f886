import { describe, expect, test } from 'vitest'
import { createDurableLeases } from '../../../edge/limit/durable-leases.ts'
import { createLimiter, type Leases, leaseSize, type Meter } from '../../../edge/limit/limiter.ts'
import { createMemoryLeases } from '../../../edge/limit/memory.ts'
import { available, nothingUsed, type Policy, roll, usageOf, use, waitMs } from '../../../mesh/window.ts'
import { createEdge, problemOf, settings } from '../support.ts'

const policy: Policy = { name: 'p', limit: 100, windowMs: 60_000 }
const background = { waitUntil: (work: Promise<unknown>) => void work }

function raise(): never {
  throw new Error('no binding')
}

describe('the window', () => {
  test('counts what was used before by how much of it the sliding window still covers', () => {
    const usage = { window: 10, used: 80, usedBefore: 0 }
    expect(available(usage, policy, 10 * 60_000)).toBe(20)
    expect(available(usage, policy, 11 * 60_000)).toBe(20)
    expect(available(usage, policy, 11 * 60_000 + 30_000)).toBe(60)
    expect(available(usage, policy, 12 * 60_000)).toBe(100)
    expect(roll(nothingUsed, policy, 60_000 * 5)).toEqual({ window: 5, used: 0, usedBefore: 0 })
  })

  test('the time to wait is exactly when so many units are available', () => {
    for (const usage of [
      { window: 10, used: 100, usedBefore: 0 },
      { window: 10, used: 40, usedBefore: 90 },
      { window: 10, used: 0, usedBefore: 100 },
      { window: 10, used: 99, usedBefore: 100 },
    ]) {
      for (const units of [1, 7, 60]) {
        const now = 10 * 60_000 + 12_345
        if (available(usage, policy, now) >= units) continue
        const wait = waitMs(usage, policy, units, now)
        expect(available(usage, policy, now + wait + 1)).toBeGreaterThanOrEqual(units)
        expect(available(usage, policy, now + wait - 700)).toBeLessThan(units)
      }
    }
  })
})

describe('a burst', () => {
  const bursty: Policy = { name: 'p', limit: 60, windowMs: 60_000, burst: 5 }

  test('is what may come at once; then units come as evenly as the window has them, and never more than its limit', () => {
    let now = 60_000 * 1_000
    let usage = nothingUsed
    const take = (): boolean => {
      if (available(usage, bursty, now) < 1) return false
      usage = use(usage, bursty, 1, now)
      return true
    }
    expect(Array.from({ length: 10 }, take).filter(Boolean)).toHaveLength(5)
    const wait = waitMs(usage, bursty, 1, now)
    expect(wait).toBe(1_000)
    now += wait - 1
    expect(take()).toBe(false)
    now += 1
    expect([take(), take()]).toEqual([true, false])
    let taken = 6
    for (let second = 0; second < 59; second++) {
      now += 1_000
      while (take()) taken++
    }
    expect(taken).toBeGreaterThan(55)
    expect(taken).toBeLessThanOrEqual(60)
  })

  test('of a plan holds for requests', async () => {
    const edge = createEdge()
    edge.fake.publish({ name: 'top', cache: { ttlSeconds: 600 } })
    const key = edge.fake.key({ plan: { name: 'even', requests: 60, windowSeconds: 60, burst: 3 } })
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) statuses.push((await edge.get('/v1/endpoints/top', key)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429])
    edge.advance(1)
    expect((await edge.get('/v1/endpoints/top', key)).status).toBe(200)
  })
})

describe('several isolates', () => {
  test('on one budget never exceed a window by more than one lease each', async () => {
    const clock = { now: 60_000 * 1_000 }
    const now = (): number => clock.now
    const leases = createMemoryLeases({ now })
    const isolates = Array.from({ length: 4 }, () =>
      createLimiter({ leases, now, onDegraded: () => undefined }).meter('k', policy),
    )
    const allowedAt: number[] = []
    for (let i = 0; i < 4_000; i++) {
      clock.now += 97
      const decision = await isolates[(i * 7) % 4]!.acquire(1, background)
      if (decision.allowed) allowedAt.push(clock.now)
    }
    const most = Math.max(
      ...allowedAt.map((at) => allowedAt.filter((other) => other > at - policy.windowMs && other <= at).length),
    )
    expect(most).toBeLessThanOrEqual(policy.limit + 4 * leaseSize(policy))
    expect(allowedAt.length / ((4_000 * 97) / policy.windowMs)).toBeGreaterThan(policy.limit * 0.75)
  })

  test('without the common budget count each by itself rather than fail, and return to it when they can', async () => {
    const clock = { now: 60_000 * 1_000 }
    const now = (): number => clock.now
    const common = createMemoryLeases({ now })
    let gone = true
    let degraded = 0
    const leases: Leases = {
      lease: (...asked) => (gone ? Promise.reject(new Error('gone')) : common.lease(...asked)),
    }
    const meter = createLimiter({ leases, now, onDegraded: () => void degraded++ }).meter('k', policy)
    const allowed = async (attempts: number): Promise<number> => {
      let count = 0
      for (let i = 0; i < attempts; i++) if ((await meter.acquire(1, background)).allowed) count++
      return count
    }
    expect(await allowed(500)).toBe(policy.limit)
    expect(degraded).toBeGreaterThan(0)
    gone = false
    clock.now += 2 * policy.windowMs
    expect(await allowed(500)).toBe(policy.limit)
    expect((await common.lease('k', policy, 1)).units).toBe(0)
  })
})

test.each([
  ['fails', () => Promise.reject(new Error('Durable Object storage was lost.'))],
  ['cannot be had', () => raise()],
  ['does not answer', () => new Promise<never>(() => undefined)],
])('a Durable Object that %s costs a second at most, is counted, and is no way past the limit', async (_how, lease) => {
  const namespace = { getByName: () => ({ lease }) } as unknown as Parameters<typeof createDurableLeases>[0]
  const edge = createEdge({ leases: createDurableLeases(namespace) })
  edge.fake.publish({ name: 'top', cache: { ttlSeconds: 600 } })
  const key = edge.fake.key({ plan: { name: 'tiny', requests: 2, windowSeconds: 60 } })
  const began = performance.now()
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await edge.get('/v1/endpoints/top', key)).status)
  expect(statuses).toEqual([200, 200, 429])
  expect(performance.now() - began).toBeLessThan(3 * 1_200)
  const text = await (await edge.get('/metrics', settings.METRICS_TOKEN)).text()
  expect(text).toMatch(/^edgewise_limit_degraded_total [1-9]/m)
})

describe('a clock that jumps', () => {
  test.each([-1, -60, -3_600, -86_400 * 365, 60, 3_600, 86_400 * 365])(
    'by %d s gives nobody more than one window on top, and makes nobody wait for longer than the window does',
    async (seconds) => {
      const clock = { now: 1_800_000_012_345 }
      const now = (): number => clock.now
      const leases = createMemoryLeases({ now })
      const meters = ['k', 'l'].map((key) =>
        createLimiter({ leases, now, onDegraded: () => undefined }).meter(key, policy),
      )
      const allowed = async (meter: Meter): Promise<number> => {
        let count = 0
        for (let i = 0; i < 500; i++) if ((await meter.acquire(1, background)).allowed) count++
        return count
      }
      // One that is used up when the clock jumps, one that has a lease.
      expect(await allowed(meters[0]!)).toBe(policy.limit)
      await meters[1]!.acquire(1, background)
      clock.now += seconds * 1_000
      for (const meter of meters) expect(await allowed(meter)).toBeLessThanOrEqual(policy.limit)
      const refused = await meters[0]!.acquire(1, background)
      expect(refused.allowed).toBe(false)
      expect(refused.retryAfterMs).toBeLessThanOrEqual(1.1 * policy.windowMs)
      clock.now += 2 * policy.windowMs
      for (const meter of meters) expect(await allowed(meter)).toBe(policy.limit)
    },
  )
})

test.each([undefined, null, 'text', {}, { window: 1, used: Number.NaN, usedBefore: 0 }, { window: -1, used: 1 }])(
  'usage that was lost or cannot be read (%j) counts as none',
  (stored) => {
    expect(usageOf(stored)).toEqual(nothingUsed)
    expect(usageOf({ window: 3, used: 2, usedBefore: 1 })).toEqual({ window: 3, used: 2, usedBefore: 1 })
  },
)

describe('a request', () => {
  test('over the limit is 429 with the time to wait, and is allowed after it', async () => {
    const edge = createEdge()
    edge.fake.publish({ name: 'top', cache: { ttlSeconds: 600 } })
    const key = edge.fake.key({ plan: { name: 'tiny', requests: 3, windowSeconds: 10 } })
    const limits: (string | null)[] = []
    for (let i = 0; i < 3; i++) limits.push((await edge.get('/v1/endpoints/top', key)).headers.get('ratelimit'))
    expect(limits).toEqual(['"tiny";r=2;t=10', '"tiny";r=1;t=10', '"tiny";r=0;t=10'])
    const refused = await edge.get('/v1/endpoints/top', key)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('ratelimit-policy')).toBe('"tiny";q=3;w=10')
    expect(await problemOf(refused)).toMatchObject({ code: 'limit.rate', retryable: true })
    const wait = Number(refused.headers.get('retry-after'))
    edge.advance(wait)
    expect((await edge.get('/v1/endpoints/top', key)).status).toBe(200)
  })

  test('is charged what its query costs, and held to the query’s own limit as well', async () => {
    const edge = createEdge()
    edge.fake.publish({ name: 'dear', cache: { ttlSeconds: 600 }, limit: { requests: 2, windowSeconds: 60, cost: 10 } })
    const key = edge.fake.key()
    const other = edge.fake.key()
    const first = await edge.get('/v1/endpoints/dear', key)
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=990;t=\d+, "endpoint";r=1;t=\d+$/)
    expect(first.headers.get('edgewise-cost')).toBe('10')
    expect((await edge.get('/v1/endpoints/dear', key)).headers.get('ratelimit')).toMatch(
      /^"default";r=980;t=\d+, "endpoint";r=0/,
    )
    expect((await edge.get('/v1/endpoints/dear', key)).status).toBe(429)
    expect((await edge.get('/v1/endpoints/dear', other)).status).toBe(200)
  })

  test('says that its plan is nearly used up, also where the answer is at hand', async () => {
    const edge = createEdge()
    edge.fake.publish({ name: 'top', cache: { ttlSeconds: 600 } })
    const key = edge.fake.key({ plan: { name: 'tiny', requests: 5, windowSeconds: 10 } })
    const warning = async () => (await edge.get('/v1/endpoints/top', key)).headers.get('edgewise-plan-warning')
    expect([await warning(), await warning(), await warning(), await warning()]).toEqual([null, null, null, '"tiny"'])
    edge.advance(20)
    expect(await warning()).toBe(null)
  })

  test('of a plan without a limit has no such headers', async () => {
    const edge = createEdge()
    edge.fake.publish({ name: 'top', cache: { ttlSeconds: 600 } })
    const key = edge.fake.key({ plan: { name: 'free', requests: 0, windowSeconds: 0 } })
    for (let i = 0; i < 3; i++) {
      const response = await edge.get('/v1/endpoints/top', key)
      expect(response.status).toBe(200)
      expect(response.headers.has('ratelimit')).toBe(false)
    }
  })
})
