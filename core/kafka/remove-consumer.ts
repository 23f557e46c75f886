import type { Context } from '../context.ts'
import { authoriseSome, readable } from './access.ts'
import { changeGroup, commitHeld } from './change-group.ts'
import { noInstance } from './commit.ts'
import type { KafkaDeps } from './deps.ts'
import { checkGroup } from './names.ts'

/** Ends an instance: the others of its group read on from what is committed, which it does now if it does so by itself. */
export async function removeConsumer(
  deps: KafkaDeps,
  ctx: Context,
  { group, instance }: { readonly group: string; readonly instance: string },
): Promise<void> {
  authoriseSome(ctx, 'topics:read')
  checkGroup(group, instance)
  const { workspace } = ctx.actor
  await changeGroup(deps, workspace, group, async (members) => {
    const gone = members.get(instance)
    if (gone === undefined) throw noInstance(group, instance)
    await readable(
      deps,
      ctx,
      gone.topics.map((topic) => ({ topic, pointer: 'topic' })),
    )
    if (gone.autoCommit) await commitHeld(deps, workspace, group, gone)
    const others = [...members].filter(([name]) => name !== instance)
    return { members: new Map(others), result: undefined }
  })
}
