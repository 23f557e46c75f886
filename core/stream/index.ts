import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Position } from '../storage/log.ts'
import type { DeliverDeps } from './deliver.ts'
import { topicOf, warehouseGroup } from './names.ts'
import { type Sink, startSink } from './sink.ts'
import { createTables, type Tables } from './tables.ts'

export { streamLimits } from './limits.ts'
export { consumerGroups, maskedDatabase, workspaceOf } from './names.ts'
export { systemPii, type SystemStream } from './system.ts'

export interface StreamDomain {
  readonly tables: Tables
  /** Events in the log that are not in the table yet. */
  lag(workspace: string, stream: string): Promise<number>
  /** Repeats of an event's id that were dropped so far. */
  repeated(workspace: string, stream: string): Promise<number>
  /** Resolves when the records at these positions can be queried; fails at the deadline. */
  waitUntilQueryable(positions: readonly Position[], ctx: Pick<Context, 'signal' | 'deadline'>): Promise<void>
  close(): Promise<void>
}

/** In a process that only makes tables and topics: another one fills them. */
const elsewhere: Sink = {
  position: () => 0,
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
    async repeated(workspace, stream) {
      const done = await commits(workspace, stream)
      return done.reduce((sum, { metadata }) => sum + (JSON.parse(metadata) as { repeated: number }).repeated, 0)
    },
    async waitUntilQueryable(positions, { signal }) {
      const behind = ({ topic, partition, offset }: Position) => sink.position(topic, partition) <= offset
      while (positions.some(behind)) {
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
