import { setTimeout as sleep } from 'node:timers/promises'
import type { Claim, Position } from '../storage/log.ts'
import type { DeliverDeps } from './deliver.ts'
import { type Lane, openLane } from './lane.ts'
import { isOfStream, replayGroup, streamOf, warehouseGroup } from './names.ts'

const maxBackoffMs = 5_000
/** How often it is looked what others have done or want. */
const lookMs = 1_000
/** … where somebody waits for it. */
const followMs = 200
/** Failures in a row after which it is looked whether the topic is there at all. */
const deletedAfter = 5

/** What the sink knows of one partition. */
interface Entry {
  readonly topic: string
  readonly partition: number
  readonly claim: Claim
  lane: Lane | undefined
  /** Something may be there to do. */
  dirty: boolean
  /** Waiting, queued or being worked on. */
  busy: boolean
  /** Its topic was deleted, or it is another process's. */
  gone: boolean
  lastInsertAt: number
  failures: number
}

/** Where a partition is to be read again from, for the how-manieth time. */
interface Replay {
  readonly offset: number
  readonly times: number
}

/**
 * Takes every topic into the warehouse: a bounded number of partitions at a time, one batch each, workspaces in turn,
 * so that one with a long way to go does not hold up the others. Other processes that do so take other partitions.
 */
export function startSink(deps: DeliverDeps) {
  const { log, limits, logger } = deps
  const entries = new Map<string, Entry>()
  /** Entries ready to be worked on, by workspace; the Map's order is whose turn it is. */
  const queues = new Map<string, Entry[]>()
  const stopped = new AbortController()
  const waiters = new Set<() => void>()
  const running = new Map<Entry, Promise<void>>()
  let replays: ReadonlyMap<string, Replay> = new Map()

  function kick(topic: string, partition: number): void {
    if (!isOfStream(topic)) return
    const key = `${topic}/${partition}`
    let entry = entries.get(key)
    if (entry === undefined) {
      const claim = membership.claim(topic, partition)
      if (claim === undefined) return
      entry = {
        topic,
        partition,
        claim,
        lane: undefined,
        dirty: false,
        busy: false,
        gone: false,
        lastInsertAt: 0,
        failures: 0,
      }
      entries.set(key, entry)
    }
    entry.dirty = true
    if (!entry.busy) wait(entry)
  }

  /** Lets events gather before they are inserted; longer where an insert has just been, and longer still after a failure. */
  function wait(entry: Entry): void {
    entry.busy = true
    const backoff = entry.failures === 0 ? 0 : Math.min(100 * 2 ** entry.failures, maxBackoffMs)
    // No longer than that, also where the clock was set back.
    const pauseMs = pauseOf(entry)
    const pause = Math.min(pauseMs, entry.lastInsertAt + pauseMs - Date.now())
    sleep(Math.max(limits.lingerMs, pause, backoff), undefined, { signal: stopped.signal }).then(
      () => {
        if (!entry.gone) enqueue(entry)
      },
      () => (entry.busy = false),
    )
  }

  function pauseOf({ topic }: Entry): number {
    const busy = Math.min(1, (deps.delayMs?.() ?? 0) / limits.busyMs)
    const [least, most] =
      streamOf(topic).stream === '_requests'
        ? [limits.usagePauseMs, limits.longestUsagePauseMs]
        : [limits.pauseMs, limits.longestPauseMs]
    return least + busy * (most - least)
  }

  function enqueue(entry: Entry): void {
    const { workspace } = streamOf(entry.topic)
    const queue = queues.get(workspace)
    if (queue === undefined) queues.set(workspace, [entry])
    else queue.push(entry)
    pump()
  }

  function pump(): void {
    while (running.size < limits.inserts) {
      const entry = takeNext()
      if (entry === undefined) return
      // One that was let go while it queued may not touch a new topic of the same name.
      if (!entry.gone) running.set(entry, run(entry))
    }
  }

  async function run(entry: Entry): Promise<void> {
    await work(entry)
    running.delete(entry)
    for (const tell of waiters) tell()
    if (entry.dirty && !entry.gone && !stopped.signal.aborted) wait(entry)
    else entry.busy = false
    pump()
  }

  /** Of the workspace whose turn it is; one with an insert under way waits while another has something to insert. */
  function takeNext(): Entry | undefined {
    const working = new Set([...running.keys()].map(({ topic }) => streamOf(topic).workspace))
    const [first] = queues
    const turn = [...queues].find(([workspace]) => !working.has(workspace)) ?? first
    if (turn === undefined) return undefined
    const [workspace, queue] = turn
    const entry = queue.shift()
    // To the end of the line, or out of it.
    queues.delete(workspace)
    if (queue.length > 0) queues.set(workspace, queue)
    return entry
  }

  async function work(entry: Entry): Promise<void> {
    entry.dirty = false
    try {
      entry.lane ??= await openLane({ ...deps, claim: entry.claim }, entry.topic, entry.partition)
      const replay = pending(entry)
      if (replay !== undefined && (await entry.lane.rewind(replay.offset, replay.times))) {
        entry.lane = undefined
        entry.dirty = true
      } else if (await entry.lane.advance()) {
        entry.lastInsertAt = Date.now()
        // There may be more than one batch; looking again is cheap.
        entry.dirty = true
      }
      entry.failures = 0
    } catch (error) {
      entry.failures++
      entry.dirty = true
      if (entry.failures % deletedAfter === 0 && (await isDeleted(entry.topic))) {
        letGo(entry)
        return
      }
      const { topic, partition, failures } = entry
      logger.error(
        { err: error, topic, partition, failures },
        'a batch did not get into the warehouse; it is tried again',
      )
    }
  }

  /** By another process, which tells nobody. */
  async function isDeleted(topic: string): Promise<boolean> {
    const topics = await log.topics().catch(() => [{ topic }])
    return topics.every((one) => one.topic !== topic)
  }

  function letGo(entry: Entry): void {
    entry.gone = true
    entries.delete(`${entry.topic}/${entry.partition}`)
  }

  /** What has not been gone back to yet. */
  function pending({ topic, partition, lane }: Entry): Replay | undefined {
    const replay = replays.get(`${topic}/${partition}`)
    return replay !== undefined && replay.times > (lane?.replays ?? 0) ? replay : undefined
  }

  /** Those that go end first. */
  async function release(goes: (topic: string, partition: number) => boolean): Promise<void> {
    const mine = [...entries.values()].filter(({ topic, partition }) => goes(topic, partition))
    for (const entry of mine) letGo(entry)
    for (const entry of mine) await running.get(entry)
  }

  /** Looks which partitions have something to do, of those that are here. */
  async function look(): Promise<void> {
    for (const { topic } of (await log.topics()).filter((found) => isOfStream(found.topic))) {
      const [ranges, commits] = await Promise.all([log.ranges(topic), log.committed(warehouseGroup, topic)])
      const offsets = new Map(commits.map(({ partition, offset }) => [partition, offset]))
      // A planned batch is committed at its beginning, so it is found here too. What is quiet is opened when it is not.
      for (const { partition, end } of ranges) if (end > (offsets.get(partition) ?? 0)) kick(topic, partition)
    }
    await lookForReplays()
  }

  async function lookForReplays(): Promise<void> {
    const asked = await log.committed(replayGroup)
    replays = new Map(
      asked.map(({ topic, partition, offset, metadata }) => [
        `${topic}/${partition}`,
        { offset, times: Number(metadata) },
      ]),
    )
    for (const { topic, partition } of asked) {
      const entry = entries.get(`${topic}/${partition}`)
      if (entry === undefined || entry.lane === undefined || pending(entry) !== undefined) kick(topic, partition)
    }
  }

  let looking: Promise<void> = Promise.resolve()
  const membership = log.join(warehouseGroup, {
    onAssigned() {
      looking = looking.then(look).catch((error: unknown) => {
        if (!stopped.signal.aborted) logger.fatal({ err: error }, 'the sink cannot read the log')
      })
    },
    onRevoked: release,
    onOusted: () => logger.fatal('another process runs under the name of this data directory; it fills the tables now'),
  })
  const unsubscribe = log.onAppend(kick)
  const timer = setInterval(() => {
    if (log.isReady()) looking = looking.then(lookForReplays).catch(() => undefined)
  }, lookMs)

  /** How far a partition that is here has come, at least; what is to be read again counts as not read. */
  function position(topic: string, partition: number): number {
    const entry = entries.get(`${topic}/${partition}`)
    if (entry?.lane === undefined) kick(topic, partition)
    const next = entry?.lane?.next ?? 0
    return Math.min(next, (entry && pending(entry)?.offset) ?? next)
  }

  return {
    /** Those of the positions that have not been passed, whoever has their partitions. */
    async behind(positions: readonly Position[]): Promise<readonly Position[]> {
      const isMine = ({ topic, partition }: Position) => membership.claim(topic, partition) !== undefined
      const topics = new Set(positions.filter((one) => !isMine(one)).map(({ topic }) => topic))
      const theirs = await Promise.all([...topics].map((topic) => log.committed(warehouseGroup, topic)))
      const done = new Map(theirs.flat().map((one) => [`${one.topic}/${one.partition}`, one.offset]))
      return positions.filter((one) => {
        const { topic, partition, offset } = one
        return (isMine(one) ? position(topic, partition) : (done.get(`${topic}/${partition}`) ?? 0)) <= offset
      })
    },
    /** Has what was written down about reading again done, where it is to be done here. */
    lookForReplays,
    /** Lets go of a topic that is about to be deleted. */
    forget: (topic: string) => release((of) => of === topic),
    /** Resolves when any batch has been committed, after a while in which others may have, or the signal aborts. */
    progressed(signal: AbortSignal): Promise<void> {
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(following)
          waiters.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        const following = setTimeout(done, followMs)
        waiters.add(done)
        signal.addEventListener('abort', done)
        if (signal.aborted) done()
      })
    },
    /** Lets batches that were begun end, and begins no other. */
    async close(): Promise<void> {
      unsubscribe()
      clearInterval(timer)
      stopped.abort()
      queues.clear()
      await looking
      await Promise.all(running.values())
      await membership.leave()
    },
  }
}

export type Sink = ReturnType<typeof startSink>
