import { and, asc, desc, eq, gt, isNotNull, lt, lte, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { queries, versions } from './schema.ts'

export type QueryRow = typeof queries.$inferSelect
export type VersionRow = typeof versions.$inferSelect

/** A version, and whether calls without a pin get it. */
export interface StoredQuery extends VersionRow {
  readonly live: boolean
}

const columnsOf = {
  workspace: versions.workspace,
  name: versions.name,
  version: versions.version,
  digest: versions.digest,
  definition: versions.definition,
  columns: versions.columns,
  createdAt: versions.createdAt,
  live: sql<boolean>`${queries.live} = ${versions.version}`,
}

const sameQuery = and(eq(versions.workspace, queries.workspace), eq(versions.name, queries.name))

/** A version of a published query; 0 is the live one. Nothing of an unpublished query. */
export async function findQuery(
  db: ControlDb,
  workspace: string,
  name: string,
  version: number,
): Promise<StoredQuery | undefined> {
  const wanted = version === 0 ? eq(versions.version, queries.live) : eq(versions.version, version)
  const [row] = await db
    .select(columnsOf)
    .from(versions)
    .innerJoin(queries, sameQuery)
    .where(and(eq(queries.workspace, workspace), eq(queries.name, name), isNotNull(queries.live), wanted))
  return row
}

/** Published queries by name, after a name. */
export async function listLive(db: ControlDb, workspace: string, after: string, limit: number): Promise<StoredQuery[]> {
  return db
    .select(columnsOf)
    .from(versions)
    .innerJoin(queries, and(sameQuery, eq(versions.version, queries.live)))
    .where(and(eq(queries.workspace, workspace), gt(queries.name, after)))
    .orderBy(asc(queries.name))
    .limit(limit)
}

/** Versions of a published query, newest first, below a number. */
export async function listVersions(
  db: ControlDb,
  workspace: string,
  name: string,
  below: number,
  limit: number,
): Promise<StoredQuery[]> {
  return db
    .select(columnsOf)
    .from(versions)
    .innerJoin(queries, sameQuery)
    .where(
      and(
        eq(queries.workspace, workspace),
        eq(queries.name, name),
        isNotNull(queries.live),
        lt(versions.version, below),
      ),
    )
    .orderBy(desc(versions.version))
    .limit(limit)
}

/** The name's row, held until the transaction ends. */
export async function lockName(tx: ControlTx, workspace: string, name: string): Promise<QueryRow> {
  await tx.insert(queries).values({ workspace, name, live: null, newest: 0 }).onConflictDoNothing()
  const [row] = await tx
    .select()
    .from(queries)
    .where(and(eq(queries.workspace, workspace), eq(queries.name, name)))
    .for('update')
  return row ?? { workspace, name, live: null, newest: 0 }
}

export async function findDigest(
  db: ControlDb | ControlTx,
  workspace: string,
  name: string,
  digest: string,
): Promise<VersionRow | undefined> {
  const [row] = await db
    .select()
    .from(versions)
    .where(and(eq(versions.workspace, workspace), eq(versions.name, name), eq(versions.digest, digest)))
    .orderBy(desc(versions.version))
    .limit(1)
  return row
}

export async function insertVersion(tx: ControlTx, row: VersionRow): Promise<void> {
  await tx.insert(versions).values(row)
}

export async function setLive(tx: ControlTx, query: QueryRow): Promise<void> {
  await tx
    .update(queries)
    .set({ live: query.live, newest: query.newest })
    .where(and(eq(queries.workspace, query.workspace), eq(queries.name, query.name)))
}

/** Forgets versions up to a number, but for the live one. */
export async function deleteVersionsUpTo(
  tx: ControlTx,
  { workspace, name, live }: QueryRow,
  version: number,
): Promise<void> {
  await tx
    .delete(versions)
    .where(
      and(
        eq(versions.workspace, workspace),
        eq(versions.name, name),
        lte(versions.version, version),
        sql`${versions.version} <> ${live ?? 0}`,
      ),
    )
}
