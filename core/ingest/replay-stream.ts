import { authorise, type Context } from '../context.ts'
import { isVisible, noSuchStream, refuseFiltered, refuseSystem } from './access.ts'
import type { Deps, StreamDomain } from './deps.ts'
import { recordRows } from './record-rows.ts'
import { waitBriefly } from './wait.ts'

export interface ReplayStream {
  readonly name: string
  /** A time, offsets, or as early as can be. */
  readonly from: Parameters<StreamDomain['replay']>[2]
}

export interface ReplayedStream {
  /** What is read again of each partition: `[from, to)`. */
  readonly partitions: Awaited<ReturnType<StreamDomain['replay']>>
  /** All of it has been read. */
  readonly queryable: boolean
}

/**
 * Reads what the event log has of a stream again, and brings to the table what it lacks: rows that were deleted, truncated
 * or lost with the table's disk. What is there is left alone, and what was refused stays in quarantine.
 */
export async function replayStream(deps: Deps, ctx: Context, { name, from }: ReplayStream): Promise<ReplayedStream> {
  authorise(ctx, 'streams:write', name)
  refuseSystem(name)
  const { workspace } = ctx.actor
  const partitions = await deps.locks.alone(`${workspace}.${name}`, async () => {
    const stream = isVisible(ctx, name) ? await deps.streams.find(workspace, name) : undefined
    if (stream === undefined) throw noSuchStream(name)
    refuseFiltered(ctx)
    return recordRows(deps, ctx, { action: 'replay_stream', resource: `stream/${name}` }, async (begin) => {
      await begin()
      return deps.stream.replay(workspace, name, from)
    })
  })
  const topic = `${workspace}.${name}`
  const ends = partitions.map(({ partition, to }) => ({ topic, partition, offset: to - 1 }))
  return { partitions, queryable: await waitBriefly(deps, ctx, ends) }
}
