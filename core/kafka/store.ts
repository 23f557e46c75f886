import { and, asc, count, eq, inArray, lt, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { groups, topics } from './schema.ts'

export type TopicRow = Pick<typeof topics.$inferSelect, 'name' | 'partitions'>
export type GroupRow = typeof groups.$inferSelect

type Db = ControlDb | ControlTx

const isTopic = (workspace: string, name: string) => and(eq(topics.workspace, workspace), eq(topics.name, name))
const isGroup = (workspace: string, name: string) => and(eq(groups.workspace, workspace), eq(groups.name, name))

export async function topicsByName(db: Db, workspace: string, names: readonly string[]): Promise<TopicRow[]> {
  return db
    .select({ name: topics.name, partitions: topics.partitions })
    .from(topics)
    .where(and(eq(topics.workspace, workspace), inArray(topics.name, [...names])))
}

export async function topicsOf(db: Db, workspace: string): Promise<TopicRow[]> {
  const { name, partitions } = topics
  return db.select({ name, partitions }).from(topics).where(eq(topics.workspace, workspace)).orderBy(asc(name))
}

/** Of all workspaces. */
export async function allTopics(db: Db): Promise<{ readonly workspace: string; readonly name: string }[]> {
  return db.select({ workspace: topics.workspace, name: topics.name }).from(topics)
}

/** Others that make one in the workspace wait until the transaction ends. */
export async function lockTopics(tx: ControlTx, workspace: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`kafka/${workspace}`}, 0))`)
}

export async function countTopics(db: Db, workspace: string): Promise<number> {
  const [row] = await db.select({ n: count() }).from(topics).where(eq(topics.workspace, workspace))
  return row?.n ?? 0
}

/** Undefined where there is one of this name, or of one that Kafka holds for the same. */
export async function insertTopic(db: Db, workspace: string, row: TopicRow): Promise<TopicRow | undefined> {
  const place = row.name.replaceAll('.', '_')
  const [stored] = await db
    .insert(topics)
    .values({ workspace, place, ...row })
    .onConflictDoNothing()
    .returning({ name: topics.name, partitions: topics.partitions })
  return stored
}

export async function deleteTopicRow(db: Db, workspace: string, name: string): Promise<void> {
  await db.delete(topics).where(isTopic(workspace, name))
}

export async function groupByName(db: Db, workspace: string, name: string): Promise<GroupRow | undefined> {
  const [row] = await db.select().from(groups).where(isGroup(workspace, name))
  return row
}

export async function groupsOf(db: Db, workspace: string): Promise<GroupRow[]> {
  return db.select().from(groups).where(eq(groups.workspace, workspace)).orderBy(asc(groups.name))
}

export async function countGroups(db: Db, workspace: string): Promise<number> {
  const [row] = await db.select({ n: count() }).from(groups).where(eq(groups.workspace, workspace))
  return row?.n ?? 0
}

/** Those with instances, of all workspaces. */
export async function groupsInUse(db: Db): Promise<Pick<GroupRow, 'workspace' | 'name'>[]> {
  const { workspace, name, members } = groups
  return db
    .select({ workspace, name })
    .from(groups)
    .where(sql`${members} <> '[]'::jsonb`)
}

export async function groupsUnusedSince(db: Db, before: Date): Promise<Pick<GroupRow, 'workspace' | 'name'>[]> {
  const { workspace, name, usedAt } = groups
  return db.select({ workspace, name }).from(groups).where(lt(usedAt, before))
}

/** Whether it was made now: false where another was faster. */
export async function insertGroup(db: Db, row: Omit<GroupRow, 'version'>): Promise<boolean> {
  const made = await db
    .insert(groups)
    .values({ ...row, version: 1 })
    .onConflictDoNothing()
    .returning({ name: groups.name })
  return made.length > 0
}

/** Whether it was still the version that was read. */
export async function updateGroup(
  db: Db,
  { workspace, name, version }: Pick<GroupRow, 'workspace' | 'name' | 'version'>,
  members: GroupRow['members'],
  usedAt: Date,
): Promise<boolean> {
  const changed = await db
    .update(groups)
    .set({ members, usedAt, version: version + 1 })
    .where(and(isGroup(workspace, name), eq(groups.version, version)))
    .returning({ name: groups.name })
  return changed.length > 0
}

/** Of all groups: what they committed stays. */
export async function forgetMembers(db: Db): Promise<void> {
  await db.update(groups).set({ members: [], version: sql`${groups.version} + 1` })
}

export async function deleteGroupRow(db: Db, workspace: string, name: string): Promise<void> {
  await db.delete(groups).where(isGroup(workspace, name))
}
