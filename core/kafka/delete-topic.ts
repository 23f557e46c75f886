import { record } from '../audit/index.ts'
import { releaseName } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { noSuchTopic, seesTopics } from './access.ts'
import { changeGroup } from './change-group.ts'
import type { KafkaDeps } from './deps.ts'
import { heldBy, type Members, parsePlace } from './group.ts'
import { checkTopic, logTopic } from './names.ts'
import { deleteTopicRow, groupsOf, topicsByName } from './store.ts'

/** Deletes a topic with its messages, and what groups have committed for it. What is cut short is finished by another try. */
export async function deleteTopic(deps: KafkaDeps, ctx: Context, name: string): Promise<void> {
  const { db, log } = deps
  authorise(ctx, 'topics:create', name)
  checkTopic(name, 'name')
  const { workspace } = ctx.actor
  const [found] = seesTopics(ctx) ? await topicsByName(db, workspace, [name]) : []
  if (found === undefined) throw noSuchTopic(name)
  await log.deleteTopic(logTopic(workspace, name))
  for (const group of await groupsOf(db, workspace)) {
    await changeGroup(deps, workspace, group.name, (members) =>
      Promise.resolve({ ...without(members, name), result: undefined }),
    )
  }
  await db.transaction(async (tx) => {
    await deleteTopicRow(tx, workspace, name)
    await releaseName(tx, workspace, name)
    await record(tx, ctx, { action: 'delete_topic', resource: `topic/${name}` })
  })
}

/** Another topic of its name begins anew, also for those who read it. */
function without(members: Members, topic: string): { readonly members?: Members } {
  if (![...members.values()].some(({ topics }) => topics.includes(topic))) return {}
  return {
    members: new Map(
      [...members].map(([name, member]) => {
        const held = heldBy(member).filter(([place]) => parsePlace(place).topic !== topic)
        return [name, { ...member, held: Object.fromEntries(held) }]
      }),
    ),
  }
}
