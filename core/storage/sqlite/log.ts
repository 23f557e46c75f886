import { mkdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { Failure } from '#mesh/errors.ts'
import { embeddedLog } from '../directory.ts'
import type { Append, Commit, Log, PartitionRange, Position } from '../log.ts'
import { decodeChunk, encodeChunk } from './chunk.ts'
import type { EncodedChunk, Sought, Step } from './store.ts'
import type { Answered, Asked } from './worker.ts'

/** Bytes of appends that may wait for the disk; beyond, callers are told to come back. */
const maxQueuedBytes = 128 * 1024 * 1024

export interface SqliteLogOptions {
  readonly directory: string
  /** Told when the thread that owns the database has died: nothing can be written or read any more. */
  readonly onFatal?: (error: Error) => void
}

/** Opens the event log in a directory of its own. See the port for what it promises. */
export async function openSqliteLog({ directory, onFatal }: SqliteLogOptions): Promise<Log> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { directory } })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  const listeners = new Set<(topic: string, partition: number) => void>()
  let nextId = 0
  let queuedBytes = 0
  let broken: Error | undefined
  let closing = false

  worker.on('message', ({ id, value, error }: Answered) => {
    const caller = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) caller?.resolve(value)
    else caller?.reject(failure(error))
  })
  const breakDown = (error: Error): void => {
    if (broken === undefined && !closing) onFatal?.(error)
    broken ??= error
    for (const caller of waiting.values()) caller.reject(error)
    waiting.clear()
  }
  worker.on('error', (error) => breakDown(error instanceof Error ? error : new Error(String(error))))
  worker.on('exit', () => breakDown(new Error('the event log is closed')))

  function ask<T>(step: Step | { kind: 'close' }, transfer: ArrayBuffer[] = []): Promise<T> {
    return new Promise((resolve, reject) => {
      if (broken !== undefined) return reject(broken)
      const id = nextId++
      waiting.set(id, { resolve: (value) => resolve(value as T), reject })
      worker.postMessage({ id, step } satisfies Asked, transfer)
    })
  }

  const log: Log = {
    identity: embeddedLog,
    createTopic: (topic, options) => ask({ kind: 'createTopic', topic, options }),
    deleteTopic: (topic) => ask({ kind: 'deleteTopic', topic }),
    topics: () => ask({ kind: 'topics' }),
    async append(appends: readonly Append[]): Promise<readonly Position[]> {
      const filled = appends.filter(({ records }) => records.length > 0)
      if (filled.length === 0) return []
      const chunks = filled.map(({ topic, partition, records }) => ({
        topic,
        partition,
        count: records.length,
        timestamp: records.reduce((newest, record) => Math.max(newest, record.timestamp), 0),
        bytes: encodeChunk(records),
      }))
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0)
      if (queuedBytes + bytes > maxQueuedBytes) {
        throw new Failure('limit.queue_full', 'More events are waiting for the disk than may wait.', {
          retryAfterMs: 1_000,
        })
      }
      queuedBytes += bytes
      try {
        const positions = await ask<Position[]>(
          { kind: 'append', chunks },
          chunks.map((chunk) => chunk.bytes.buffer),
        )
        for (const { topic, partition } of positions) for (const tell of listeners) tell(topic, partition)
        return positions
      } finally {
        queuedBytes -= bytes
      }
    },
    async read(topic, partition, from, bounds) {
      const chunks = await ask<EncodedChunk[]>({ kind: 'read', topic, partition, from, ...bounds })
      const records = chunks.flatMap(({ bytes, start }) => decodeChunk(bytes, start))
      return records.filter((record) => record.offset >= from).slice(0, bounds.maxRecords)
    },
    ranges: (topic) => ask<PartitionRange[]>({ kind: 'ranges', topic }),
    async offsetAt(topic, partition, timestamp) {
      const sought = (from: number) => ask<Sought>({ kind: 'seek', topic, partition, from, timestamp })
      let found = await sought(0)
      while (found.next !== undefined) found = await sought(found.next)
      const { chunk } = found
      if (chunk === undefined) return (await log.ranges(topic))[partition]?.end ?? 0
      const records = decodeChunk(chunk.bytes, chunk.start)
      return records.find((record) => record.timestamp >= timestamp)?.offset ?? chunk.start
    },
    committed: (group, topic) => ask<Commit[]>({ kind: 'committed', group, topic }),
    lag: (group) => ask({ kind: 'lag', group }),
    // It serves one process, which has everything.
    join: (group, { onAssigned }) => {
      const claim = { isHeld: () => true, commit: (commit: Commit) => log.commit(group, [commit]) }
      queueMicrotask(onAssigned)
      return { claim: () => claim, leave: async () => undefined }
    },
    commit: (group, commits) => ask({ kind: 'commit', group, commits }),
    deleteGroup: (group) => ask({ kind: 'deleteGroup', group }),
    onAppend(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async expire(retention) {
      while (await ask<boolean>({ kind: 'expire', ...retention }));
    },
    isReady: () => broken === undefined,
    async close() {
      if (broken !== undefined) return
      closing = true
      await ask({ kind: 'close' })
    },
  }
  await log.topics()
  return log
}

function failure(message: string): Error {
  if (/disk is full/i.test(message)) {
    return new Failure('limit.disk_full', 'The event log’s disk is full; nothing of this request was written.', {
      cause: message,
      retryAfterMs: 10_000,
    })
  }
  return new Error(`the event log: ${message}`)
}
