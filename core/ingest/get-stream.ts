import { authorise, type Context } from '../context.ts'
import { isVisible, noSuchStream } from './access.ts'
import type { Deps } from './deps.ts'
import type { StreamView } from './put-stream.ts'
import { type Statistics, streamStatistics } from './statistics.ts'

/** One stream. Its statistics span all rows, so an actor that sees only some of them is given none. */
export async function getStream(
  deps: Deps,
  ctx: Context,
  name: string,
): Promise<StreamView & { readonly statistics: Statistics | undefined }> {
  authorise(ctx, 'streams:read', name)
  const stream = isVisible(ctx, name) ? await deps.streams.find(ctx.actor.workspace, name) : undefined
  if (stream === undefined) throw noSuchStream(name)
  const statistics = ctx.actor.filters.length > 0 ? undefined : await streamStatistics(deps, ctx, name)
  return { ...stream, statistics }
}
