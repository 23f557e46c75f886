import { authorise, type Context } from '../context.ts'
import { isVisible, noSuchStream, refuseFiltered, refuseSystem } from './access.ts'
import type { Deps } from './deps.ts'
import { endsOf } from './ends.ts'
import { recordRows } from './record-rows.ts'

/** Drops the rows that a stream has, those on their way to the table included, and keeps its schema. */
export async function truncateStream(deps: Deps, ctx: Context, name: string): Promise<void> {
  authorise(ctx, 'streams:write', name)
  refuseSystem(name)
  const { workspace } = ctx.actor
  await deps.locks.alone(`${workspace}.${name}`, async () => {
    const stream = isVisible(ctx, name) ? await deps.streams.find(workspace, name) : undefined
    if (stream === undefined) throw noSuchStream(name)
    refuseFiltered(ctx)
    // A row that the sink lands after the truncation would be one that came before it.
    await deps.stream.waitUntilQueryable(await endsOf(deps.log, stream.topic), ctx)
    await recordRows(deps, ctx, { action: 'truncate_stream', resource: `stream/${name}` }, async (begin) => {
      await begin()
      await deps.stream.tables.truncate(workspace, name)
    })
  })
}
