import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { claimName } from '../config/index.ts'
import type { Context } from '../context.ts'
import type { KafkaDeps } from './deps.ts'
import { logTopic } from './names.ts'
import { countTopics, insertTopic, lockTopics, type TopicRow, topicsByName } from './store.ts'

/** Makes a topic, or answers the one that another was faster to make. First in the log: what is known of must be there. */
export async function makeTopic(
  { db, log, limits, partitions }: KafkaDeps,
  ctx: Context,
  name: string,
): Promise<TopicRow> {
  const { workspace } = ctx.actor
  if ((await countTopics(db, workspace)) >= limits.maxTopics) throw tooMany(limits.maxTopics)
  await log.createTopic(logTopic(workspace, name), { partitions })
  return db.transaction(async (tx) => {
    await lockTopics(tx, workspace)
    const [there] = await topicsByName(tx, workspace, [name])
    if (there !== undefined) return there
    if ((await countTopics(tx, workspace)) >= limits.maxTopics) throw tooMany(limits.maxTopics)
    await claimName(tx, workspace, name, 'topic')
    const made = await insertTopic(tx, workspace, { name, partitions })
    if (made === undefined) {
      throw new Failure(
        'resource.exists',
        `There is a topic whose name differs from \`${name}\` in \`.\` and \`_\` only.`,
        {
          hint: 'Kafka holds such names for the same: choose another.',
        },
      )
    }
    await record(tx, ctx, { action: 'create_topic', resource: `topic/${name}`, detail: { partitions } })
    return made
  })
}

function tooMany(most: number): Failure {
  return new Failure('request.invalid', `A workspace has at most ${most} topics.`, {
    hint: 'Delete one with DELETE /v1/topics/{name}.',
  })
}
