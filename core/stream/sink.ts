import { setTimeout as sleep } from 'node:timers/promises'
import type { DeliverDeps } from './deliver.ts'
import { type Lane, openLane } from './lane.ts'
import { streamOf, warehouseGroup } from './names.ts'

const maxBackoffMs = 5_000

/** What the sink knows of one partition. */
interface Entry {
  readonly topic: string
  readonly partition: number
  lane: Lane | undefined
  /** Something may be there to do. */
  dirty: boolean
  /** Waiting, queued or being worked on. */
  busy: boolean
  /** Its topic was deleted. */
  gone: boolean
  lastInsertAt: number
  failures: number
}

/**
 * Takes every topic into the warehouse: a bounded number of partitions at a time, one batch each, workspaces in turn,
 * so that one with a long way to go does not hold up the others.
 */
export function startSink(deps: DeliverDeps) {
  const { log, limits, logger } = deps
  const entries = new Map<string, Entry>()
  /** Entries ready to be worked on, by workspace; the Map's order is whose turn it is. */
  const queues = new Map<string, Entry[]>()
  const stopped = new AbortController()
  const waiters = new Set<() => void>()
  const running = new Map<Entry, Promise<void>>()

  function kick(topic: string, partition: number): void {
    const key = `${topic}/${partition}`
    let entry = entries.get(key)
    if (entry === undefined) {
      entry = {
        topic,
        partition,
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
      entry.lane ??= await openLane(deps, entry.topic, entry.partition)
      if (await entry.lane.advance()) {
        entry.lastInsertAt = Date.now()
        // There may be more than one batch; looking again is cheap.
        entry.dirty = true
      }
      entry.failures = 0
    } catch (error) {
      entry.failures++
      entry.dirty = true
      const { topic, partition, failures } = entry
      logger.error(
        { err: error, topic, partition, failures },
        'a batch did not get into the warehouse; it is tried again',
      )
    }
  }

  const unsubscribe = log.onAppend(kick)
  const started = (async () => {
    for (const { topic } of await log.topics()) {
      const [ranges, commits] = await Promise.all([log.ranges(topic), log.committed(warehouseGroup, topic)])
      const offsets = new Map(commits.map(({ partition, offset }) => [partition, offset]))
      // A planned batch is committed at its beginning, so it is found here too. What is quiet is opened when it is not.
      for (const { partition, end } of ranges) if (end > (offsets.get(partition) ?? 0)) kick(topic, partition)
    }
  })()
  started.catch((error: unknown) => logger.fatal({ err: error }, 'the sink cannot read the log'))

  return {
    /** How far a partition has come; 0 where it is not known yet, but will be when the sink progresses. */
    position(topic: string, partition: number): number {
      const lane = entries.get(`${topic}/${partition}`)?.lane
      if (lane === undefined) kick(topic, partition)
      return lane?.next ?? 0
    },
    /** Lets go of a topic that is about to be deleted. */
    async forget(topic: string): Promise<void> {
      const mine = [...entries].filter(([, entry]) => entry.topic === topic)
      for (const [key] of mine) entries.delete(key)
      for (const [, entry] of mine) {
        entry.gone = true
        await running.get(entry)
      }
      for (const tell of waiters) tell()
    },
    /** Resolves when any batch has been committed, or the signal aborts. */
    progressed(signal: AbortSignal): Promise<void> {
      return new Promise((resolve) => {
        const done = (): void => {
          waiters.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        waiters.add(done)
        signal.addEventListener('abort', done)
        if (signal.aborted) done()
      })
    },
    /** Lets batches that were begun end, and begins no other. */
    async close(): Promise<void> {
      unsubscribe()
      stopped.abort()
      queues.clear()
      await started.catch(() => undefined)
      await Promise.all(running.values())
    },
  }
}
