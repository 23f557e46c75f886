import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Position } from '../storage/log.ts'
import type { DeliverDeps } from './deliver.ts'
import { consumerGroups, isOfStream, replayGroup, topicOf, warehouseGroup } from './names.ts'
import { type ReplayFrom, type ReplayRange, replayRanges } from './replay.ts'
import { type Sink, startSink } from './sink.ts'
import { createTables, type Tables } from './tables.ts'

export { streamLimits } from './limits.ts'
export { consumerGroups, maskedDatabase, workspaceOf } from './names.ts'
export type { ReplayFrom, ReplayRange } from './replay.ts'
export { systemPii, type SystemStream } from './system.ts'

export interface Lag {
  readonly labels: { readonly group: string; readonly partition: string }
  readonly value: number
}

export interface StreamDomain {
  readonly tables: Tables
  /** Events in the log that are not in the table yet. */
  lag(workspace: string, stream: string): Promise<number>
  /** … of all streams, by the group that has still to read them and the number of the partition. */
  lags(): Promise<readonly Lag[]>
  /**
   * Has the log of a stream read again from somewhere on, once what it writes down is durable: whatever of it the table
   * lacks is brought there, nothing twice. Answers what is read.
   */
  replay(workspace: string, stream: string, from: ReplayFrom): Promise<readonly ReplayRange[]>
  /** Repeats of an event's id that were dropped so far. */
  repeated(workspace: string, stream: string): Promise<number>
  /** Resolves when the records at these positions can be queried; fails at the deadline. */
  waitUntilQueryable(positions: readonly Position[], ctx: Pick<Context, 'signal' | 'deadline'>): Promise<void>
  close(): Promise<void>
}

/** In a process that only makes tables and topics: another one fills them. */
const elsewhere: Sink = {
  behind: (positions) => Promise.resolve(positions),
  lookForReplays: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  progressed: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
  close: () => Promise.resolve(),
}

/** The stream domain: the tables that streams land in, and the sink that takes them there from the log, exactly once. */
export function createStream(deps: DeliverDeps, { sinks = true } = {}): StreamDomain {
  const sink = sinks ? startSink(deps) : elsewhere
  const tables = createTables(deps)

  async function commits(workspace: string, stream: string) {
    return deps.log.committed(warehouseGroup, topicOf(workspace, stream))
  }

  async function lagOf(group: string) {
    return (await deps.log.lag(group)).filter(({ topic }) => isOfStream(topic))
  }

  return {
    tables: {
      ...tables,
      async drop(workspace, stream) {
        await sink.forget(topicOf(workspace, stream))
        await tables.drop(workspace, stream)
      },
    },
    async lag(workspace, stream) {
      const [ranges, done] = await Promise.all([
        deps.log.ranges(topicOf(workspace, stream)),
        commits(workspace, stream),
      ])
      const offsets = new Map(done.map((commit) => [commit.partition, commit.offset]))
      return ranges.reduce((sum, { partition, end }) => sum + end - (offsets.get(partition) ?? 0), 0)
    },
    async lags() {
      // Brokers that are away would be waited for.
      const groups = deps.log.isReady() ? consumerGroups : []
      const found = await Promise.all(
        groups.map(async (group) =>
          [...Map.groupBy(await lagOf(group), ({ partition }) => partition)].map(([partition, behind]) => {
            const value = behind.reduce((sum, { records }) => sum + records, 0)
            return { labels: { group, partition: String(partition) }, value }
          }),
        ),
      )
      return found.flat()
    },
    async replay(workspace, stream, from) {
      const topic = topicOf(workspace, stream)
      const [ranges, before] = await Promise.all([
        replayRanges(deps, topic, from),
        deps.log.committed(replayGroup, topic),
      ])
      const times = new Map(before.map(({ partition, metadata }) => [partition, Number(metadata)]))
      if (ranges.length === 0) return ranges
      await deps.log.commit(
        replayGroup,
        ranges.map(({ partition, from: offset }) => {
          return { topic, partition, offset, metadata: String((times.get(partition) ?? 0) + 1) }
        }),
      )
      await sink.lookForReplays()
      return ranges
    },
    async repeated(workspace, stream) {
      const done = await commits(workspace, stream)
      return done.reduce((sum, { metadata }) => sum + (JSON.parse(metadata) as { repeated: number }).repeated, 0)
    },
    async waitUntilQueryable(positions, { signal }) {
      for (let left = positions; (left = await sink.behind(left)).length > 0;) {
        if (signal.aborted) {
          throw new Failure('limit.deadline', 'The events are durable, but could not be queried before the deadline.', {
            hint: 'They will be; do not send them again.',
            cause: signal.reason,
          })
        }
        await sink.progressed(signal)
      }
    },
    close: () => sink.close(),
  }
}
