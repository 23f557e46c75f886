import type { JsonObject } from '@bufbuild/protobuf'
import type { ControlDb } from '../storage/control.ts'
import { type Author, type Change, detailOf, record } from './record.ts'
import { deleteIntent, insertIntent, intentsBefore, type IntentRow } from './store.ts'

/** How long after its deadline a change may still be ending. */
const graceMs = 60_000
const longestMs = 3_600_000

export interface Intent {
  /** It has ended: it becomes an entry, with what it came to. */
  settle(detail: JsonObject): Promise<void>
}

/**
 * For a change that no transaction of the control store can make: written down before it begins, so that a crash cannot
 * hide it. `deadline`: when its author gives it up, in milliseconds since 1970.
 */
export async function intend(db: ControlDb, author: Author, change: Change, deadline: number): Promise<Intent> {
  const { actor, requestId } = author
  const { action, resource } = change
  const intent = await insertIntent(db, {
    workspace: actor.workspace,
    actor: actor.id,
    action,
    resource,
    detail: JSON.stringify(detailOf(author, change)),
    requestId,
    expiresAt: new Date(Math.min(deadline, Date.now() + longestMs) + graceMs),
  })
  return { settle: (came) => settle(db, intent, came) }
}

/**
 * Makes entries of what was cut short, as `interrupted`: it may have been done in whole, in part or not at all. `before`
 * spares what may be under way; without it nothing is, because this process alone makes such changes, and has just begun.
 */
export async function settleInterrupted(db: ControlDb, before?: Date): Promise<number> {
  const left = await intentsBefore(db, before)
  for (const intent of left) await settle(db, intent, { interrupted: true })
  return left.length
}

async function settle(db: ControlDb, intent: IntentRow, came: JsonObject): Promise<void> {
  const { workspace, actor: id, action, resource, requestId } = intent
  const detail = { ...(JSON.parse(intent.detail) as JsonObject), ...came }
  await db.transaction(async (tx) => {
    if (await deleteIntent(tx, intent)) {
      await record(tx, { actor: { workspace, id }, requestId }, { action, resource, detail })
    }
  })
}
