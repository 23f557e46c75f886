import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openKafkaLog } from '../../../../core/storage/kafka/log.ts'
import type { Claim, Log, Membership } from '../../../../core/storage/log.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../../../support/servers/kafka.ts'

const libraries = kafkaLibraries()
let kafka: Kafka
let groups = 0
beforeAll(async () => {
  if (libraries !== undefined) kafka = await startKafka({ libraries })
}, 90_000)
afterAll(() => kafka?.stop())

const partitions = Array.from({ length: 8 }, (_, partition) => partition)
const everything = { maxRecords: 1_000, maxBytes: 1 << 20 }
const commitOf = (partition: number, offset: number) => ({ topic: 'w.s', partition, offset, metadata: '' })

interface Joined {
  readonly log: Log
  readonly membership: Membership
  /** Resolves when what goes may go. */
  release: Promise<void>
  readonly ousted: PromiseWithResolvers<void>
  held(): number[]
  close(): Promise<void>
}

async function join(prefix: string, member: string): Promise<Joined> {
  const log = await openKafkaLog(kafka.options(prefix), member)
  await log.createTopic('w.s', { partitions: partitions.length })
  const joined: Joined = {
    log,
    release: Promise.resolve(),
    ousted: Promise.withResolvers(),
    membership: log.join('g', {
      onAssigned: () => undefined,
      onRevoked: () => joined.release,
      onOusted: () => joined.ousted.resolve(),
    }),
    held: () => partitions.filter((partition) => joined.membership.claim('w.s', partition) !== undefined),
    async close() {
      await joined.membership.leave()
      await log.close()
    },
  }
  return joined
}

const until = (holds: () => boolean) => expect.poll(holds, { timeout: 20_000, interval: 50 }).toBe(true)
const committed = async (log: Log, partition: number) =>
  (await log.committed('g', 'w.s')).find((commit) => commit.partition === partition)?.offset

describe.skipIf(libraries === undefined)('a group on Apache Kafka', () => {
  const prefix = () => `group${groups++}`

  test('one has everything; a second takes half, once the first has let go; who leaves gives it back', async () => {
    const name = prefix()
    const one = await join(name, 'one')
    await until(() => one.held().length === 8)
    const goes = Promise.withResolvers<void>()
    one.release = goes.promise
    const claims = new Map(partitions.map((partition) => [partition, one.membership.claim('w.s', partition)]))
    const other = await join(name, 'other')
    await until(() => one.held().length === 4)
    // What was begun may be ended, and committed.
    await sleep(1_000)
    expect(other.held()).toEqual([])
    const going = partitions.filter((partition) => !one.held().includes(partition))
    for (const partition of going) await claims.get(partition)?.commit(commitOf(partition, 5))
    goes.resolve()
    await until(() => other.held().length === 4)
    expect([...one.held(), ...other.held()].toSorted((a, b) => a - b)).toEqual(partitions)
    for (const partition of going) {
      expect(claims.get(partition)?.isHeld()).toBe(false)
      await expect(claims.get(partition)?.commit(commitOf(partition, 6))).rejects.toThrow(/another process/)
      await other.membership.claim('w.s', partition)?.commit(commitOf(partition, 7))
      expect(await committed(one.log, partition)).toBe(7)
    }
    // What stayed was committed in every generation.
    for (const partition of one.held()) await claims.get(partition)?.commit(commitOf(partition, 9))
    await other.close()
    await until(() => one.held().length === 8)
    await one.close()
  })

  test('nobody commits for it from outside', async () => {
    const one = await join(prefix(), 'one')
    await until(() => one.held().length === 8)
    await expect(one.log.commit('g', [commitOf(0, 1)])).rejects.toThrow()
    expect(await committed(one.log, 0)).toBeUndefined()
    await one.close()
    const log = await openKafkaLog(kafka.options('group-nobody'))
    await log.createTopic('w.s', { partitions: 1 })
    await log.commit('g', [commitOf(0, 1)])
    expect(await committed(log, 0)).toBe(1)
    await log.close()
  })

  test('who comes back under the same name has what it had, and whoever had that name commits no more', async () => {
    const name = prefix()
    const before = await join(name, 'same')
    await until(() => before.held().length === 8)
    const claim = before.membership.claim('w.s', 0) as Claim
    await claim.commit(commitOf(0, 1))
    const after = await join(name, 'same')
    await until(() => after.held().length === 8)
    await expect(claim.commit(commitOf(0, 2))).rejects.toThrow(/another process/)
    await after.membership.claim('w.s', 0)?.commit(commitOf(0, 3))
    expect(await committed(after.log, 0)).toBe(3)
    // It does not come back to oust the other in its turn.
    await before.ousted.promise
    expect(before.held()).toEqual([])
    await after.close()
    await before.close()
  })

  test('topics that are made and deleted meanwhile are shared too', async () => {
    const one = await join(prefix(), 'one')
    await until(() => one.held().length === 8)
    const claim = one.membership.claim('w.t', 0) as Claim
    await one.log.createTopic('w.t', { partitions: 1 })
    await claim.commit({ ...commitOf(0, 1), topic: 'w.t' })
    await one.log.deleteTopic('w.t')
    await one.log.createTopic('w.t', { partitions: 1 })
    expect(await one.log.committed('g', 'w.t')).toEqual([])
    expect(await one.log.read('w.t', 0, 0, everything)).toEqual([])
    await one.close()
  })

  test('a broker that is killed and comes back finds everybody where they were', { timeout: 90_000 }, async () => {
    const one = await join(prefix(), 'one')
    await until(() => one.held().length === 8)
    const claim = one.membership.claim('w.s', 0) as Claim
    await kafka.kill()
    const begun = claim.commit(commitOf(0, 4))
    await sleep(1_000)
    await kafka.restart()
    await begun
    await until(() => claim.isHeld())
    expect(await committed(one.log, 0)).toBe(4)
    await one.close()
  })
})
