import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, heartbeatV4, joinGroupV9, leaveGroupV5, syncGroupV5 } from '@platformatic/kafka'
import type { Commit, GroupListener, Membership } from '../log.ts'
import { coordinatorOf, says } from './client.ts'
import { type As, commitOffsets } from './offsets.ts'
import { decodeShares, encodeShares, shareOf, shareOut } from './shares.ts'

/** A member that has not been heard of for so long has nothing any more. */
const sessionTimeoutMs = 10_000
const heartbeatMs = 2_000
/** How long the others are waited for when it is shared anew; they go on with what they have meanwhile. */
const rebalanceTimeoutMs = 60_000
/** How long what goes to another member may take to come to an end. */
const releaseMs = 20_000
const retryMs = 200
/** How long a request of a member may take: until the others have joined. */
export const groupRequestMs = rebalanceTimeoutMs + 15_000

const protocolType = 'consumer'
const protocolName = 'edgewise'

/** A share from when it came to when it goes; the next time it is another one. */
interface Holding {
  isOver: boolean
}

export interface GroupOptions {
  /** For what waits for the other members: a broker answers a connection's requests one by one. */
  readonly waiting: Admin
  readonly admin: Admin
  readonly group: string
  /** The same after a restart, so that who comes back has at once what it had (KIP-345). */
  readonly member: string
  readonly nameOf: (topic: string) => string
  readonly listener: GroupListener
}

/**
 * Joins a group by Kafka's classic protocol, with shares of all that there is in the place of topics. What fences those
 * who have lost theirs without knowing it, as where their process slept: the group's coordinator takes no commit of theirs.
 */
export function joinKafkaGroup({ waiting, admin, group, member, nameOf, listener }: GroupOptions): Membership {
  const holdings = new Map<number, Holding>()
  /** Those that go to others as soon as what was begun has ended. */
  let going: ReadonlySet<number> = new Set()
  let releasing: Promise<void> = Promise.resolve()
  let as: As | undefined
  /** Until then the coordinator gives nothing of this member to others, by a clock that goes on while a process sleeps. */
  let sureUntil = 0
  let changed = Promise.withResolvers<void>()
  const left = new AbortController()

  function change(): void {
    changed.resolve()
    changed = Promise.withResolvers()
  }

  function letGo(shares: Iterable<number>): void {
    for (const share of shares) {
      const holding = holdings.get(share)
      if (holding !== undefined) holding.isOver = true
      holdings.delete(share)
    }
  }

  /** Others may have all of it already. */
  function lose(): void {
    const lost = new Set(holdings.keys())
    letGo(lost)
    as = undefined
    change()
    if (lost.size > 0) void listener.onRevoked((topic, partition) => lost.has(shareOf(topic, partition)))
  }

  async function join(): Promise<void> {
    const sentAt = performance.now()
    const connection = await coordinatorOf(waiting, group)
    const protocols = [{ name: protocolName, metadata: encodeShares([...holdings.keys()]) }]
    const joined = await joinGroupV9.api.async(
      connection,
      group,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      as?.memberId ?? '',
      member,
      protocolType,
      protocols,
      null,
    )
    const mine = { memberId: joined.memberId, generation: joined.generationId }
    const isLeader = joined.leader === mine.memberId && !joined.skipAssignment
    const members = joined.members.map(({ memberId, metadata }) => ({ memberId, held: decodeShares(metadata) }))
    const assignments = isLeader
      ? [...shareOut(members)].map(([memberId, shares]) => ({ memberId, assignment: encodeShares(shares) }))
      : []
    const synced = await syncGroupV5.api.async(
      connection,
      group,
      mine.generation,
      mine.memberId,
      member,
      protocolType,
      protocolName,
      assignments,
    )
    const shares = new Set(decodeShares(synced.assignment))
    as = mine
    going = new Set([...holdings.keys()].filter((share) => !shares.has(share)))
    const come = [...shares].filter((share) => !holdings.has(share))
    for (const share of come) holdings.set(share, { isOver: false })
    sureUntil = sentAt + sessionTimeoutMs
    change()
    if (come.length > 0) listener.onAssigned()
  }

  /** Lets what goes come to its end. */
  async function release(shares: ReadonlySet<number>): Promise<void> {
    const ended = listener.onRevoked((topic, partition) => shares.has(shareOf(topic, partition)))
    await Promise.race([ended, sleep(releaseMs, undefined, { ref: false })])
    letGo(shares)
    going = new Set()
  }

  /** Says that it is there until it is to be shared anew, or something has been let go of that others wait for. */
  async function stay(): Promise<void> {
    const waits = going.size > 0
    if (waits) releasing = release(going)
    const released = waits ? releasing : new Promise<void>(() => undefined)
    for (;;) {
      await Promise.race([released, sleep(heartbeatMs, undefined, { signal: left.signal, ref: false })])
      if (waits && going.size === 0) return
      if (as === undefined || (await isCalled(as))) return
    }
  }

  /** Says that it is there; answers whether all are called to join again. */
  async function isCalled({ generation, memberId }: As): Promise<boolean> {
    const sentAt = performance.now()
    const beat = heartbeatV4.api.async(await coordinatorOf(waiting, group), group, generation, memberId, member)
    const isSharedAnew = await beat.then(
      () => false,
      (error: unknown) => {
        if (says(error, 'REBALANCE_IN_PROGRESS')) return true
        throw error
      },
    )
    sureUntil = sentAt + sessionTimeoutMs
    return isSharedAnew && going.size === 0
  }

  async function run(): Promise<void> {
    while (!left.signal.aborted) {
      try {
        await releasing
        await join()
        await stay()
      } catch (error) {
        if (left.signal.aborted) break
        if (isOut(error)) lose()
        // To come back would oust the other one.
        if (says(error, 'FENCED_INSTANCE_ID')) return listener.onOusted()
        waiting.clearMetadata()
        await sleep(retryMs, undefined, { ref: false })
      }
    }
  }

  async function commit(holding: Holding, one: Commit): Promise<void> {
    for (;;) {
      const asked = as
      if (asked === undefined || !isHeld(holding)) throw lost(one)
      const next = changed.promise
      try {
        await commitOffsets(admin, group, [{ name: nameOf(one.topic), commits: [one] }], asked)
        return
      } catch (error) {
        const isAmidJoin = says(error, 'REBALANCE_IN_PROGRESS') || says(error, 'ILLEGAL_GENERATION')
        if (!isAmidJoin) throw isOut(error) ? lost(one) : error
        // It is being shared anew: what stays here is committed in the next generation.
        if (as === asked) await Promise.race([next, sleep(retryMs, undefined, { ref: false })])
      }
    }
  }

  const isHeld = (holding: Holding): boolean => !holding.isOver && performance.now() < sureUntil
  const running = run()

  return {
    claim(topic, partition) {
      const share = shareOf(topic, partition)
      const holding = holdings.get(share)
      if (holding === undefined || going.has(share)) return undefined
      return { isHeld: () => isHeld(holding), commit: (one) => commit(holding, one) }
    },
    async leave() {
      left.abort()
      const mine = as
      letGo([...holdings.keys()])
      if (mine !== undefined) {
        const members = [{ memberId: mine.memberId, groupInstanceId: member }]
        const connection = await coordinatorOf(admin, group).catch(() => undefined)
        // Where that fails, the session runs out.
        if (connection !== undefined) await leaveGroupV5.api.async(connection, group, members).catch(() => undefined)
      }
      await waiting.close()
      await running
    },
  }
}

/** Whether the coordinator does not know this member any more. */
function isOut(error: unknown): boolean {
  return ['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'ILLEGAL_GENERATION'].some((id) => says(error, id))
}

function lost({ topic, partition }: Commit): Error {
  return new Error(`${topic}/${partition} is another process's now, or may be`)
}
