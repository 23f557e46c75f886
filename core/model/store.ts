import { and, asc, desc, eq, gt, inArray, isNotNull, isNull, like, lt, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { jobs, models, rollouts, versions, watches } from './schema.ts'

export type ModelRow = typeof models.$inferSelect
export type VersionRow = typeof versions.$inferSelect
export type JobRow = typeof jobs.$inferSelect
export type RolloutRow = typeof rollouts.$inferSelect

type Db = ControlDb | ControlTx

const ofModel = (workspace: string, name: string) => and(eq(models.workspace, workspace), eq(models.name, name))
const ofVersion = (workspace: string, name: string, version: number) =>
  and(eq(versions.workspace, workspace), eq(versions.name, name), eq(versions.version, version))

export async function findModel(db: Db, workspace: string, name: string): Promise<ModelRow | undefined> {
  const [row] = await db.select().from(models).where(ofModel(workspace, name))
  return row
}

/** The model's row, held until the transaction ends. */
export async function lockModel(tx: ControlTx, workspace: string, name: string): Promise<ModelRow | undefined> {
  const [row] = await tx.select().from(models).where(ofModel(workspace, name)).for('update')
  return row
}

/** What a workspace has most of is counted by one at a time, until the transaction ends. */
export async function lockCounts(tx: ControlTx, workspace: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`model/${workspace}`}, 0))`)
}

/** Models by name, after a name. */
export async function listModels(
  db: Db,
  workspace: string,
  { after = '', limit, pattern }: { readonly after?: string; readonly limit: number; readonly pattern?: string },
): Promise<ModelRow[]> {
  return db
    .select()
    .from(models)
    .where(
      and(
        eq(models.workspace, workspace),
        gt(models.name, after),
        pattern === undefined ? undefined : like(models.name, pattern),
      ),
    )
    .orderBy(asc(models.name))
    .limit(limit)
}

/** Of any workspace: those that are trained anew every so often. */
export async function listScheduled(db: Db): Promise<ModelRow[]> {
  return db.select().from(models).where(isNotNull(models.everyMs))
}

export async function countModels(db: Db, workspace: string): Promise<number> {
  return db.$count(models, eq(models.workspace, workspace))
}

export async function upsertModel(tx: ControlTx, row: ModelRow): Promise<void> {
  const { workspace: _, name: __, createdAt: ___, ...changed } = row
  await tx
    .insert(models)
    .values(row)
    .onConflictDoUpdate({ target: [models.workspace, models.name], set: changed })
}

export async function deleteModelRow(tx: ControlTx, workspace: string, name: string): Promise<void> {
  await tx.delete(jobs).where(and(eq(jobs.workspace, workspace), eq(jobs.model, name)))
  await tx.delete(rollouts).where(and(eq(rollouts.workspace, workspace), eq(rollouts.model, name)))
  await tx.delete(watches).where(and(eq(watches.workspace, workspace), eq(watches.model, name)))
  await tx.delete(versions).where(and(eq(versions.workspace, workspace), eq(versions.name, name)))
  await tx.delete(models).where(ofModel(workspace, name))
}

export async function findVersion(
  db: Db,
  workspace: string,
  name: string,
  version: number,
): Promise<VersionRow | undefined> {
  const [row] = await db
    .select()
    .from(versions)
    .where(ofVersion(workspace, name, version))
  return row
}

/** Versions of a model, newest first, below a number. */
export async function listVersions(
  db: Db,
  workspace: string,
  name: string,
  { below = 2 ** 31 - 1, limit }: { readonly below?: number; readonly limit: number },
): Promise<VersionRow[]> {
  return db
    .select()
    .from(versions)
    .where(and(eq(versions.workspace, workspace), eq(versions.name, name), lt(versions.version, below)))
    .orderBy(desc(versions.version))
    .limit(limit)
}

export async function insertVersion(tx: ControlTx, row: VersionRow): Promise<void> {
  await tx.insert(versions).values(row)
}

export async function updateVersion(
  db: Db,
  { workspace, name, version }: Pick<VersionRow, 'workspace' | 'name' | 'version'>,
  set: Partial<Pick<VersionRow, 'status' | 'sha256' | 'bytes' | 'engine' | 'card' | 'beatsBaseline'>>,
): Promise<void> {
  await db
    .update(versions)
    .set(set)
    .where(ofVersion(workspace, name, version))
}

export async function deleteVersionRow(
  tx: ControlTx,
  { workspace, name, version }: Pick<VersionRow, 'workspace' | 'name' | 'version'>,
): Promise<void> {
  await tx.delete(jobs).where(and(eq(jobs.workspace, workspace), eq(jobs.model, name), eq(jobs.version, version)))
  await tx.delete(versions).where(ofVersion(workspace, name, version))
}

/** Whether a version of anybody's has this file. */
export async function isInUse(db: Db, sha256: string): Promise<boolean> {
  return (await db.$count(versions, eq(versions.sha256, sha256))) > 0
}

export async function insertJob(tx: ControlTx, row: JobRow): Promise<void> {
  await tx.insert(jobs).values(row)
}

export async function findJob(db: Db, workspace: string, id: string): Promise<JobRow | undefined> {
  const [row] = await db
    .select()
    .from(jobs)
    .where(and(eq(jobs.workspace, workspace), eq(jobs.id, id)))
  return row
}

/** Of any workspace: for the installation itself. */
export async function findJobById(db: Db, id: string): Promise<JobRow | undefined> {
  const [row] = await db.select().from(jobs).where(eq(jobs.id, id))
  return row
}

export async function listOpenJobs(db: Db): Promise<JobRow[]> {
  return db
    .select()
    .from(jobs)
    .where(inArray(jobs.status, [...open]))
}

export async function listJobs(db: Db, workspace: string, model: string, limit: number): Promise<JobRow[]> {
  return db
    .select()
    .from(jobs)
    .where(and(eq(jobs.workspace, workspace), eq(jobs.model, model)))
    .orderBy(desc(jobs.version))
    .limit(limit)
}

const open: readonly JobRow['status'][] = ['queued', 'running']

export async function countOpenJobs(db: Db, workspace: string): Promise<number> {
  return db.$count(jobs, and(eq(jobs.workspace, workspace), inArray(jobs.status, [...open])))
}

/** Changes a job that has not ended; false: it has. */
export async function updateOpenJob(
  db: Db,
  id: string,
  set: Partial<Pick<JobRow, 'status' | 'phase' | 'percent' | 'errorCode' | 'error' | 'startedAt' | 'endedAt'>>,
): Promise<boolean> {
  const rows = await db
    .update(jobs)
    .set(set)
    .where(and(eq(jobs.id, id), inArray(jobs.status, [...open])))
    .returning({ id: jobs.id })
  return rows.length > 0
}

const underWay: readonly RolloutRow['status'][] = ['running', 'paused']

export async function insertRollout(tx: ControlTx, row: RolloutRow): Promise<void> {
  await tx.insert(rollouts).values(row)
}

/** The one that has not ended. */
export async function findRollout(db: Db, workspace: string, model: string): Promise<RolloutRow | undefined> {
  const [row] = await db
    .select()
    .from(rollouts)
    .where(and(eq(rollouts.workspace, workspace), eq(rollouts.model, model), inArray(rollouts.status, [...underWay])))
  return row
}

/** Of a model, newest first. */
export async function listRollouts(db: Db, workspace: string, model: string, limit: number): Promise<RolloutRow[]> {
  return db
    .select()
    .from(rollouts)
    .where(and(eq(rollouts.workspace, workspace), eq(rollouts.model, model)))
    .orderBy(desc(rollouts.createdAt))
    .limit(limit)
}

/** Of any workspace: those that get traffic. */
export async function listRunningRollouts(db: Db): Promise<RolloutRow[]> {
  return db
    .select()
    .from(rollouts)
    .where(and(eq(rollouts.status, 'running'), isNull(rollouts.shadow)))
}

/** Changes one that has not ended, and is at `step` where one is given; false: it has, or is not. */
export async function updateRollout(
  tx: Db,
  id: string,
  set: Partial<Pick<RolloutRow, 'status' | 'step' | 'reason' | 'failures' | 'stepAt' | 'endedAt'>>,
  step?: number,
): Promise<boolean> {
  const rows = await tx
    .update(rollouts)
    .set(set)
    .where(
      and(
        eq(rollouts.id, id),
        inArray(rollouts.status, [...underWay]),
        step === undefined ? undefined : eq(rollouts.step, step),
      ),
    )
    .returning({ id: rollouts.id })
  return rows.length > 0
}
