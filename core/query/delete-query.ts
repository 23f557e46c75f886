import { authorise, type Context } from '../context.ts'
import { record } from '../audit/index.ts'
import { recordChange, releaseName } from '../config/index.ts'
import type { ControlDb } from '../storage/control.ts'
import { noQuery } from './describe-query.ts'
import { lockName, setLive } from './store.ts'

/**
 * Unpublishes: its name is free for anything. Its versions stay, out of sight, so that no number of a version ever
 * means two texts, in whatever cache.
 */
export async function deleteQuery(
  { db }: { readonly db: ControlDb },
  ctx: Context,
  { name }: { readonly name: string },
): Promise<void> {
  authorise(ctx, 'queries:write')
  const { workspace } = ctx.actor
  await db.transaction(async (tx) => {
    const query = await lockName(tx, workspace, name)
    if (query.live === null) throw noQuery(name, 0)
    await setLive(tx, { ...query, live: null })
    await releaseName(tx, workspace, name)
    await recordChange(tx, { kind: 'query', workspace, name })
    await record(tx, ctx, { action: 'delete_query', resource: `query/${name}` })
  })
}
