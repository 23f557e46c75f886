import { authorise, type Context } from '../context.ts'
import { isVisible, noSuchStream, refuseFiltered, refuseSystem } from './access.ts'
import type { Deps } from './deps.ts'
import { discardAll } from './discard-quarantine.ts'
import { settle } from './find-quarantined.ts'

/** Drops a stream, its rows and what its log still holds. Writes that are under way end first. */
export async function deleteStream(deps: Deps, ctx: Context, name: string): Promise<void> {
  authorise(ctx, 'streams:write', name)
  refuseSystem(name)
  const { workspace } = ctx.actor
  await deps.locks.alone(`${workspace}.${name}`, async () => {
    const stream = isVisible(ctx, name) ? await deps.streams.find(workspace, name) : undefined
    if (stream === undefined) throw noSuchStream(name)
    refuseFiltered(ctx)
    if (stream.definition.columns.some(({ pii }) => pii)) {
      // Its marks go with it, and a stream of the same name would show what was refused here.
      authorise(ctx, 'pii:read', name)
      await settle(deps, ctx)
      await discardAll(deps, ctx, name)
    }
    await deps.streams.remove(ctx, stream)
  })
}
