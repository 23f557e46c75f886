import type { DescMethod } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { admission as policy, breaker as bounds, policyOf, type Priority, shedding } from '#mesh/policy.ts'
import { createBreaker } from '#mesh/rpc/breaker.ts'
import type { Interceptor } from '#mesh/rpc/call.ts'
import { OpenCall } from '#mesh/rpc/run.ts'
import { createShedder } from '#mesh/rpc/shed.ts'
import { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'

function failureOf(work: () => unknown): Failure | undefined {
  try {
    work()
    return undefined
  } catch (thrown) {
    return thrown as Failure
  }
}

describe('a server that has too much to do', () => {
  const methods: Record<Priority, DescMethod> = {
    health: ConfigService.method.watch,
    control: IdentityService.method.verifyKey,
    interactive: QueryService.method.callQuery,
    batch: IngestService.method.readUsage,
  }

  /** As many under way as make a crowd. */
  function crowd({ begin }: Interceptor): void {
    for (let i = 0; i < policy.least; i++) void begin?.(new OpenCall(methods.health, new Map()))
  }

  /** Of a hundred calls of each priority, how many were refused. */
  function refused(delayMs: number): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const [priority, method] of Object.entries(methods)) {
      let draw = 0
      const { interceptor } = createShedder({ delayMs: () => delayMs, random: () => (draw++ % 100) / 100 })
      crowd(interceptor)
      counts[priority] = 0
      for (let i = 0; i < 100; i++) {
        if (failureOf(() => interceptor.begin?.(new OpenCall(method, new Map())))) counts[priority]++
      }
    }
    return counts
  }

  test('gives up batch before interactive before control, more of them the more there is, and health never', () => {
    const { batch, interactive, control } = shedding
    expect(refused(batch.delayMs)).toEqual({ health: 0, control: 0, interactive: 0, batch: 0 })
    expect(refused(batch.delayMs * 1.5)).toEqual({ health: 0, control: 0, interactive: 0, batch: 50 })
    expect(refused(interactive.delayMs * 1.25)).toEqual({ health: 0, control: 0, interactive: 25, batch: 100 })
    expect(refused(control.delayMs * 1.5)).toEqual({ health: 0, control: 50, interactive: 100, batch: 100 })
    expect(refused(control.delayMs * 100)).toEqual({ health: 0, control: 100, interactive: 100, batch: 100 })
  })

  test('refuses with 503 and a time to wait that differs from caller to caller', () => {
    const { interceptor } = createShedder({ delayMs: () => 10_000 })
    const few = new OpenCall(methods.interactive, new Map())
    expect(failureOf(() => interceptor.begin?.(few))).toBeUndefined()
    crowd(interceptor)
    const waits = Array.from({ length: 50 }, () => {
      const failure = failureOf(() => interceptor.begin?.(new OpenCall(methods.interactive, new Map())))
      expect(failure).toMatchObject({ problem: 'limit.overload', status: 503, retryable: true })
      return failure?.retryAfterMs ?? 0
    })
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(3_000)
    expect(new Set(waits).size).toBeGreaterThan(20)
  })

  test('bounds what is under way, also where its thread is idle', () => {
    const shedder = createShedder({ delayMs: () => 0, random: () => 0.999 })
    const { interceptor } = shedder
    const calls = Array.from(
      { length: 2 * shedding.interactive.calls },
      () => new OpenCall(methods.interactive, new Map()),
    )
    for (const call of calls) void interceptor.begin?.(call)
    const next = new OpenCall(methods.interactive, new Map())
    expect(failureOf(() => interceptor.begin?.(next))?.problem).toBe('limit.overload')
    // Every end runs, also that of what was refused.
    interceptor.end?.(next, undefined)
    expect(shedder.running).toBe(calls.length)
    for (const call of calls) interceptor.end?.(call, undefined)
    expect(shedder.running).toBe(0)
  })
})

describe('a caller of a service that says it has too much to do', () => {
  function onClock() {
    const clock = { now: 1_800_000_000_000 }
    const breaker = createBreaker(() => clock.now)
    const enter = (share: string, priority: Priority = 'interactive') =>
      breaker.enter(0, clock.now + 30_000, { share, priority })
    const refuse = (share: string): void => enter(share).leave({ lost: false, overloaded: true })
    return { clock, breaker, enter, refuse }
  }

  test('lets less be under way, and more again once it is calm', () => {
    const { clock, breaker, enter, refuse } = onClock()
    expect(breaker.limit).toBe(policy.first)
    const passes = Array.from({ length: 98 }, () => enter('a'))
    const late = enter('a')
    refuse('a')
    expect(breaker.limit).toBe(100 * policy.decrease)
    // What was on its way with it says the same once more.
    late.leave({ lost: false, overloaded: true })
    expect(breaker.limit).toBe(100 * policy.decrease)
    expect(() => enter('a')).toThrowError(expect.objectContaining({ problem: 'limit.overload' }) as Failure)
    expect(breaker.open).toBe(false)
    for (const pass of passes) pass.leave()
    // Calm that nobody made use of says nothing.
    clock.now += 4 * policy.calmMs
    enter('a').leave()
    expect(breaker.limit).toBe(100 * policy.decrease)
    const half = Array.from({ length: 50 }, () => enter('a'))
    clock.now += 4 * policy.calmMs
    enter('a').leave()
    for (const pass of half) pass.leave()
    expect(breaker.limit).toBe(bounds.maxInFlight)
  })

  test('finds out by one more for each round of answers how much it takes', () => {
    const { clock, breaker, enter, refuse } = onClock()
    for (let i = 0; i < 40; i++) {
      refuse('a')
      clock.now += policy.pauseMs
    }
    expect(breaker.limit).toBe(policy.least)
    const passes = Array.from({ length: policy.least }, () => enter('a'))
    for (const pass of passes) {
      enter('b').leave()
      pass.leave()
    }
    expect(breaker.limit).toBe(policy.least + 1)
  })

  test('gives a workspace that has nothing under way its part, however much another has', () => {
    const { enter, refuse } = onClock()
    for (let i = 0; i < 19; i++) enter('noisy')
    refuse('noisy')
    expect(failureOf(() => enter('noisy'))?.problem).toBe('limit.overload')
    const calm = [enter('calm'), enter('calm')]
    for (const pass of calm) pass.leave()
    expect(failureOf(() => enter('noisy'))?.problem).toBe('limit.overload')
  })

  test('keeps batch out first, and control never', () => {
    const { enter, refuse } = onClock()
    for (let i = 0; i < 9; i++) enter('a')
    refuse('a')
    expect(failureOf(() => enter('b', 'batch'))?.problem).toBe('limit.overload')
    enter('a', 'control')
  })

  test('counts what never ended no longer than a little after its deadline', () => {
    const { clock, enter, refuse } = onClock()
    for (let i = 0; i < 20; i++) enter('a')
    refuse('a')
    expect(failureOf(() => enter('a'))).toBeInstanceOf(Failure)
    clock.now += 30_000 + bounds.lapseMs + 1
    enter('a')
  })
})

test('usage and refusals are not given up, because they would be lost', () => {
  expect(policyOf(IngestService.method.writeUsage).priority).toBe('control')
})

test('a caller that is too busy itself gives up what is for somebody, and goes on with control', () => {
  const busy = createBreaker(Date.now, undefined, () => 2 * shedding.interactive.delayMs)
  const enter = (priority: Priority) => failureOf(() => busy.enter(0, Date.now() + 1_000, { share: 'a', priority }))
  // A few are no crowd.
  for (let i = 0; i < policy.least; i++) expect(enter('interactive')).toBeUndefined()
  expect([enter('batch')?.problem, enter('interactive')?.problem]).toEqual(['limit.overload', 'limit.overload'])
  expect([enter('control'), enter('health')]).toEqual([undefined, undefined])
})
