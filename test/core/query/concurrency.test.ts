import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { Context } from '../../../core/context.ts'
import { createPlaces } from '../../../core/query/concurrency.ts'
import { defaultQueryLimits } from '../../../core/query/limits.ts'
import { ActorSchema } from '../../../proto/gen/edgewise/identity/v1/identity_pb.ts'
import { failureOf } from './fixture.ts'

function contextOf(workspace: string, signal = new AbortController().signal): Context {
  return { actor: create(ActorSchema, { workspace }), requestId: 'r', deadline: Date.now() + 10_000, signal }
}

const limits = {
  ...defaultQueryLimits,
  maxRunning: 2,
  maxRunningOfWorkspace: 2,
  keptFree: 0,
  maxWaitingOfWorkspace: 3,
  maxWaitMs: 60,
}

test('places that become free go to the workspaces in turn', async () => {
  const places = createPlaces({ ...limits, maxRunning: 1, maxWaitMs: 5_000 })
  const first = await places.take(contextOf('busy'))
  const order: string[] = []
  const waiting = ['busy', 'busy', 'busy', 'calm'].map(async (workspace) => {
    const release = await places.take(contextOf(workspace))
    order.push(workspace)
    release()
  })
  first()
  await Promise.all(waiting)
  expect(order).toEqual(['busy', 'calm', 'busy', 'busy'])
})

test('a place is kept for workspaces that have nothing under way', async () => {
  const places = createPlaces({ ...limits, maxRunning: 3, maxRunningOfWorkspace: 3, keptFree: 1, maxWaitMs: 5_000 })
  const busy = [await places.take(contextOf('busy')), await places.take(contextOf('busy'))]
  let third = false
  const waiting = places.take(contextOf('busy')).then((release) => {
    third = true
    return release
  })
  const calm = await places.take(contextOf('calm'))
  expect(third).toBe(false)
  calm()
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(third).toBe(false)
  busy[0]?.()
  ;(await waiting)()
  busy[1]?.()
})

test('a workspace cannot take more than its own share', async () => {
  const places = createPlaces({ ...limits, maxRunningOfWorkspace: 1 })
  const release = await places.take(contextOf('busy'))
  expect((await failureOf(places.take(contextOf('busy')))).problem).toBe('limit.concurrency')
  const other = await places.take(contextOf('calm'))
  other()
  release()
  ;(await places.take(contextOf('busy')))()
})

test('a plan bounds how many queries run at once, and who waits for that keeps nobody else waiting', async () => {
  const places = createPlaces(limits)
  const bound = (id: string): Context => ({
    ...contextOf('w'),
    actor: create(ActorSchema, { workspace: 'w', id, plan: { concurrency: 1 } }),
  })
  const release = await places.take(bound('a'))
  const failure = failureOf(places.take(bound('a')))
  ;(await places.take(bound('b')))()
  expect(await failure).toMatchObject({ problem: 'limit.concurrency', message: 'The plan allows 1 queries at once.' })
  const next = places.take(bound('a'))
  release()
  ;(await next)()
})

test('who waits too long, is one too many, or goes away leaves no place taken', async () => {
  const places = createPlaces(limits)
  const held = [await places.take(contextOf('a')), await places.take(contextOf('a'))]
  const gone = new AbortController()
  const outcomes = [
    failureOf(places.take(contextOf('a', gone.signal))),
    failureOf(places.take(contextOf('a'))),
    failureOf(places.take(contextOf('a'))),
    failureOf(places.take(contextOf('a'))),
  ]
  gone.abort()
  expect((await Promise.all(outcomes)).map(({ problem }) => problem)).toEqual([
    'request.cancelled',
    'limit.concurrency',
    'limit.concurrency',
    'limit.concurrency',
  ])
  for (const release of held) {
    release()
    release()
  }
  const again = [await places.take(contextOf('a')), await places.take(contextOf('a'))]
  expect((await failureOf(places.take(contextOf('a')))).problem).toBe('limit.concurrency')
  for (const release of again) release()
})

test('a workspace whose queries end only with the warehouse waits: not for the first, longer for each more', async () => {
  const places = createPlaces({ ...limits, holdBackMs: 10_000, longestHoldBackMs: 15_000, stuckKeptMs: 60_000 })
  const wait = async (): Promise<number> => {
    const failure = await failureOf(places.take(contextOf('hostile')))
    expect([failure.problem, failure.status]).toEqual(['limit.concurrency', 429])
    return Math.ceil((failure.retryAfterMs ?? 0) / 1_000)
  }
  places.holdBack('hostile')
  ;(await places.take(contextOf('hostile')))()
  const waits: number[] = []
  for (let at = 0; at < 3; at++) {
    places.holdBack('hostile')
    waits.push(await wait())
  }
  expect(waits).toEqual([10, 15, 15])
  ;(await places.take(contextOf('calm')))()
})

test('a burst may wait; where the places have been wanted by more for long, few may', async () => {
  const crowd = { maxRunning: 1, maxWaitingOfWorkspace: 64, maxWaitMs: 5_000, crowdedMs: 50, maxWaitingCrowded: 2 }
  const places = createPlaces({ ...limits, ...crowd })
  const first = await places.take(contextOf('a'))
  const burst = Array.from({ length: 10 }, () => places.take(contextOf('a')))
  await new Promise((resolve) => setTimeout(resolve, 60))
  const failure = await failureOf(places.take(contextOf('a')))
  expect([failure.problem, failure.status]).toEqual(['limit.overload', 503])
  first()
  for (const release of burst) (await release)()
  const again = await places.take(contextOf('a'))
  const next = Array.from({ length: 5 }, () => places.take(contextOf('a')))
  again()
  for (const release of next) (await release)()
})

test('where too many wait, the last of the workspace that has the most goes', async () => {
  const places = createPlaces({ ...limits, maxRunning: 1, maxWaiting: 3, maxWaitMs: 5_000 })
  const first = await places.take(contextOf('busy'))
  const order: string[] = []
  const take = (name: string) =>
    places.take(contextOf(name.split(' ')[0] ?? '')).then(
      (release) => {
        order.push(name)
        release()
      },
      (thrown: { problem: string }) => void order.push(`${name}: ${thrown.problem}`),
    )
  const all = ['busy 1', 'busy 2', 'busy 3', 'calm 1', 'other 1', 'other 2'].map(take)
  await new Promise((resolve) => setTimeout(resolve, 10))
  first()
  await Promise.all(all)
  expect(order).toEqual([
    // The newcomer, whose workspace waits with as many as any, before those that were waiting: they hear of it later.
    'other 2: limit.overload',
    'busy 3: limit.overload',
    'busy 2: limit.overload',
    'busy 1',
    'calm 1',
    'other 1',
  ])
})

test('who gets a place after the deadline gives it back', async () => {
  const places = createPlaces({ ...limits, maxRunning: 1, maxWaitMs: 5_000 })
  const first = await places.take(contextOf('a'))
  const late = failureOf(places.take({ ...contextOf('a'), deadline: Date.now() + 20 }))
  const until = performance.now() + 40
  // The thread is busy, so that the clock cannot ring.
  while (performance.now() < until);
  first()
  expect((await late).problem).toBe('limit.deadline')
  ;(await places.take(contextOf('a')))()
})
