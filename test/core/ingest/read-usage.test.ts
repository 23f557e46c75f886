import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { UsageBy } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { openWorld, type World } from './world.ts'

/** Twenty past an hour of last week: old ones go by themselves. */
const at = Math.floor(Date.now() / 3_600_000 - 150) * 3_600_000 + 1_200_000
const hour = (ms: number): string => new Date(Math.floor(ms / 3_600_000) * 3_600_000).toISOString().replace('.000', '')
let world: World
beforeAll(async () => {
  world = await openWorld()
  const event = (actor: string, hours: number, status: number, cost: number) => ({
    workspace: 'main',
    timeMs: BigInt(at + hours * 3_600_000),
    method: 'GET',
    route: '/v1/sql',
    status,
    actor,
    cost,
    responseBytes: 10n,
    rowsRead: 100n,
    bytesRead: 1_000n,
    events: 2n,
  })
  const events = [event('a', 0, 200, 1), event('a', 0, 429, 1), event('b', 1, 200, 5), event('b', 100, 200, 1)]
  await world.usage({ events }, { scopes: ['internal:edge'] })
  await vi.waitFor(async () => {
    const found = await world.rows('SELECT 1 FROM _requests')
    if (found.length < 4) throw new Error('not all are in the table yet')
  }, 10_000)
})
afterAll(() => world.close())

const stretch = { from: timestampFromMs(at - 1_000), to: timestampFromMs(at + 24 * 3_600_000) }

describe('usage', () => {
  test('is summed up over a stretch of time, in all or by what was asked for', async () => {
    const all = await world.used(stretch)
    expect(all.usage).toMatchObject([{ key: '', requests: 3n, failed: 1n, cost: 7n, responseBytes: 30n }])
    expect(all.usage).toMatchObject([{ rowsRead: 300n, bytesRead: 3_000n, events: 6n }])
    const byActor = await world.used({ ...stretch, by: UsageBy.ACTOR })
    expect(byActor.usage).toMatchObject([
      { key: 'a', requests: 2n },
      { key: 'b', requests: 1n, cost: 5n },
    ])
    const byHour = await world.used({ ...stretch, by: UsageBy.HOUR })
    expect(byHour.usage.map(({ key }) => key)).toEqual([hour(at + 3_600_000), hour(at)])
  })

  test('says how the caller’s own plan stands', async () => {
    const who = { id: 'key_u', scopes: ['usage:read', 'events:write', 'streams:create'] }
    const plan = { name: 'p', requests: 0, windowSeconds: 3_600, events: 5n }
    await world.write('seen', '{"n":1}', {}, { ...who, plan })
    const { quotas } = await world.used(stretch, { ...who, plan })
    expect(quotas).toMatchObject([{ name: 'events', limit: 5n, remaining: 4n, windowSeconds: 3_600 }])
  })

  test('is nobody else’s for a caller who is held to some rows or values', async () => {
    const held = { id: 'b', params: { tenant: 't' } }
    expect((await world.used({ ...stretch, by: UsageBy.ACTOR }, held)).usage).toMatchObject([{ key: 'b' }])
  })

  test('needs its scope and a stretch that is not empty', async () => {
    await expect(world.used(stretch, { scopes: ['sql:read'] })).rejects.toMatchObject({ problem: 'auth.scope' })
    const empty = world.used({ from: stretch.to, to: stretch.from })
    await expect(empty).rejects.toMatchObject({ problem: 'request.invalid' })
  })
})
