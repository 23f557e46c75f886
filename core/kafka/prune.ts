import { changeGroup } from './change-group.ts'
import type { KafkaDeps } from './deps.ts'
import { logGroup, logTopic } from './names.ts'
import { allTopics, deleteGroupRow, groupsInUse, groupsUnusedSince } from './store.ts'

/**
 * Drops what is older than messages are kept, whoever has still to read it, and groups that nobody has used for so long;
 * and lets go of instances whose session has ended.
 */
export async function prune(deps: KafkaDeps, now: number): Promise<void> {
  const { db, log, retentionMs } = deps
  const before = now - retentionMs
  for (const { workspace, name } of await groupsInUse(db)) {
    await changeGroup(deps, workspace, name, () => Promise.resolve({ result: undefined }))
  }
  for (const { workspace, name } of await groupsUnusedSince(db, new Date(before))) {
    await log.deleteGroup(logGroup(workspace, name))
    await deleteGroupRow(db, workspace, name)
  }
  const topics = (await allTopics(db)).map(({ workspace, name }) => logTopic(workspace, name))
  if (topics.length > 0) await log.expire({ before, groups: [], topics })
}
