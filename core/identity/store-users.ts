import { and, asc, desc, eq, gt, inArray, isNull, lt, ne, sql } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { attempts, devices, roles, sessions, spentSignIns, users, workspaces } from './schema.ts'
import type { RoleRow, SessionRow } from './store-tokens.ts'

export type UserRow = typeof users.$inferSelect
export type NewUserRow = typeof users.$inferInsert

type Db = ControlDb | ControlTx

/** Undefined where the address is somebody's already. */
export async function insertUser(db: Db, row: NewUserRow): Promise<UserRow | undefined> {
  const [stored] = await db.insert(users).values(row).onConflictDoNothing().returning()
  return stored
}

export async function userById(db: Db, workspace: string, id: string): Promise<UserRow | undefined> {
  const [row] = await db
    .select()
    .from(users)
    .where(and(eq(users.workspace, workspace), eq(users.id, id)))
  return row
}

/** One with a password, or an invitation to have one. */
export async function userByEmail(db: Db, workspace: string, email: string): Promise<UserRow | undefined> {
  const [row] = await db
    .select()
    .from(users)
    .where(and(eq(users.workspace, workspace), eq(users.email, email), isNull(users.issuer)))
  return row
}

export async function userByInvitation(db: Db, hash: string): Promise<UserRow | undefined> {
  const [row] = await db.select().from(users).where(eq(users.inviteHash, hash))
  return row
}

/** Takes an invitation up; undefined where somebody did already. */
export async function useInvitation(
  db: Db,
  hash: string,
  set: Pick<UserRow, 'passwordHash'> & Partial<Pick<UserRow, 'name'>>,
): Promise<UserRow | undefined> {
  const [row] = await db
    .update(users)
    .set({ ...set, inviteHash: null, inviteExpiresAt: null })
    .where(eq(users.inviteHash, hash))
    .returning()
  return row
}

export async function usersOf(db: Db, workspace: string, limit: number, after: string): Promise<UserRow[]> {
  return db
    .select()
    .from(users)
    .where(and(eq(users.workspace, workspace), gt(users.id, after)))
    .orderBy(asc(users.id))
    .limit(limit)
}

export async function updateUserRow(
  db: Db,
  workspace: string,
  id: string,
  set: Partial<UserRow>,
): Promise<UserRow | undefined> {
  const [row] = await db
    .update(users)
    .set(set)
    .where(and(eq(users.workspace, workspace), eq(users.id, id)))
    .returning()
  return row
}

/** Marks a code as used; false where it was used in the meantime. */
export async function useTotpStep(db: Db, id: string, step: number): Promise<boolean> {
  const changed = await db
    .update(users)
    .set({ totpStep: step })
    .where(and(eq(users.id, id), sql`coalesce(${users.totpStep}, 0) < ${step}`))
    .returning({ id: users.id })
  return changed.length > 0
}

export async function deleteUserRow(db: Db, workspace: string, id: string): Promise<boolean> {
  const gone = await db
    .delete(users)
    .where(and(eq(users.workspace, workspace), eq(users.id, id)))
    .returning({ id: users.id })
  return gone.length > 0
}

export async function corsOriginsOf(db: Db, workspace: string): Promise<readonly string[]> {
  const [row] = await db
    .select({ origins: workspaces.corsOrigins })
    .from(workspaces)
    .where(eq(workspaces.name, workspace))
  return row?.origins ?? []
}

export async function upsertRole(db: Db, row: RoleRow): Promise<void> {
  await db
    .insert(roles)
    .values(row)
    .onConflictDoUpdate({
      target: [roles.workspace, roles.name],
      set: { scopes: row.scopes, description: row.description },
    })
}

export async function deleteRoleRow(db: Db, workspace: string, name: string): Promise<boolean> {
  const gone = await db
    .delete(roles)
    .where(and(eq(roles.workspace, workspace), eq(roles.name, name)))
    .returning({ name: roles.name })
  return gone.length > 0
}

export async function sessionById(db: Db, workspace: string, id: string): Promise<SessionRow | undefined> {
  const [row] = await db
    .select()
    .from(sessions)
    .where(and(eq(sessions.workspace, workspace), eq(sessions.id, id)))
  return row
}

/** Those that hold, newest first. */
export async function sessionsOf(
  db: Db,
  { workspace, actor, now }: { readonly workspace: string; readonly actor: string; readonly now: Date },
  limit: number,
  after: string,
): Promise<SessionRow[]> {
  return db
    .select()
    .from(sessions)
    .where(
      and(
        eq(sessions.workspace, workspace),
        eq(sessions.actor, actor),
        isNull(sessions.endedAt),
        gt(sessions.expiresAt, now),
        after === '' ? undefined : lt(sessions.id, after),
      ),
    )
    .orderBy(desc(sessions.id))
    .limit(limit)
}

/** Ends every session of an actor but one. */
export async function endSessionsOf(db: Db, workspace: string, actor: string, at: Date, but = ''): Promise<string[]> {
  const ended = await db
    .update(sessions)
    .set({ endedAt: at })
    .where(
      and(eq(sessions.workspace, workspace), eq(sessions.actor, actor), isNull(sessions.endedAt), ne(sessions.id, but)),
    )
    .returning({ id: sessions.id })
  return ended.map(({ id }) => id)
}

/** Ends every browser's session of those who came to these workspaces by a provider. */
export async function endSessionsOfIssuer(
  db: Db,
  issuer: string,
  of: readonly string[],
  at: Date,
): Promise<Pick<SessionRow, 'id' | 'workspace'>[]> {
  const people = db
    .select({ id: users.id })
    .from(users)
    .where(and(inArray(users.workspace, [...of]), eq(users.issuer, issuer)))
  return db
    .update(sessions)
    .set({ endedAt: at })
    .where(and(eq(sessions.kind, 'browser'), isNull(sessions.endedAt), inArray(sessions.actor, people)))
    .returning({ id: sessions.id, workspace: sessions.workspace })
}

/** Marks a sign-in at a provider as finished; false where it was already. */
export async function spendAttempt(db: Db, hash: string, expiresAt: Date): Promise<boolean> {
  const spent = await db
    .insert(spentSignIns)
    .values({ hash, expiresAt })
    .onConflictDoNothing()
    .returning({ hash: spentSignIns.hash })
  return spent.length > 0
}

export async function deleteSpentBefore(db: Db, before: Date): Promise<void> {
  await db.delete(spentSignIns).where(lt(spentSignIns.expiresAt, before))
}

export async function insertDevice(db: Db, row: typeof devices.$inferInsert): Promise<void> {
  await db.insert(devices).values(row)
}

export async function isDeviceOf(db: Db, hash: string, user: string): Promise<boolean> {
  const [row] = await db
    .select({ hash: devices.hash })
    .from(devices)
    .where(and(eq(devices.hash, hash), eq(devices.user, user)))
  return row !== undefined
}

export async function attemptsAt(db: Db, id: string): Promise<typeof attempts.$inferSelect | undefined> {
  const [row] = await db.select().from(attempts).where(eq(attempts.id, id))
  return row
}

/**
 * Counts an attempt, unless it must wait: after `free` of them each doubles the time until the next, from a second on. The
 * count begins again where the last one is older than `since`. False where it was not counted.
 */
export async function countAttempt(
  db: Db,
  id: string,
  {
    at,
    since,
    free,
    longestWaitMs,
  }: { readonly at: Date; readonly since: Date; readonly free: number; readonly longestWaitMs: number },
): Promise<boolean> {
  const waitMs = sql`least(power(2::float8, least(${attempts.failures} - ${free}::float8, 30)) * 1000, ${longestWaitMs}::float8)`
  const counted = await db
    .insert(attempts)
    .values({ id, failures: 1, lastAt: at })
    .onConflictDoUpdate({
      target: attempts.id,
      set: {
        failures: sql`case when ${attempts.lastAt} < ${since.toISOString()}::timestamptz then 1 else ${attempts.failures} + 1 end`,
        lastAt: at,
      },
      setWhere: sql`${attempts.failures} < ${free}::float8 or ${attempts.lastAt} + ${waitMs} * interval '1 millisecond' <= ${at.toISOString()}::timestamptz`,
    })
    .returning({ id: attempts.id })
  return counted.length > 0
}

export async function forgetAttempts(db: Db, id: string): Promise<void> {
  await db.delete(attempts).where(eq(attempts.id, id))
}

export async function deleteAttemptsBefore(db: Db, before: Date): Promise<void> {
  await db.delete(attempts).where(lt(attempts.lastAt, before))
}
