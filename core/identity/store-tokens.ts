import { and, asc, desc, eq, gt, inArray, isNotNull, isNull, lt, or } from 'drizzle-orm'
import type { ControlDb, ControlTx } from '../storage/control.ts'
import { issuers, keys, roles, sessions, signingKeys, usedRefreshTokens, users, workspaces } from './schema.ts'

export type SigningKeyRow = typeof signingKeys.$inferSelect
export type IssuerRow = typeof issuers.$inferSelect
export type SessionRow = typeof sessions.$inferSelect
export type RoleRow = typeof roles.$inferSelect

type Db = ControlDb | ControlTx

export async function insertSigningKey(db: Db, row: SigningKeyRow): Promise<void> {
  await db.insert(signingKeys).values(row)
}

/** The one that signs last first. */
export async function signingKeysOf(db: Db): Promise<SigningKeyRow[]> {
  return db.select().from(signingKeys).orderBy(desc(signingKeys.signsFrom), desc(signingKeys.id))
}

export async function deleteSigningKeys(db: Db, ids: readonly string[]): Promise<void> {
  await db.delete(signingKeys).where(inArray(signingKeys.id, [...ids]))
}

/** With the origins that their rules' workspaces allow, and every role of those workspaces. */
export async function allIssuers(db: Db): Promise<{
  readonly issuers: readonly IssuerRow[]
  readonly roles: readonly RoleRow[]
  readonly origins: ReadonlyMap<string, readonly string[]>
}> {
  const found = await db.select().from(issuers).orderBy(asc(issuers.workspace), asc(issuers.name))
  const named = [...new Set(found.flatMap((row) => row.rules.map((rule) => rule.workspace)))]
  const [held, allowed] =
    named.length === 0
      ? [[], []]
      : await Promise.all([
          db.select().from(roles).where(inArray(roles.workspace, named)),
          db
            .select({ name: workspaces.name, origins: workspaces.corsOrigins })
            .from(workspaces)
            .where(inArray(workspaces.name, named)),
        ])
  return { issuers: found, roles: held, origins: new Map(allowed.map(({ name, origins }) => [name, origins])) }
}

export async function issuersOf(db: Db, workspace: string, limit: number, after: string): Promise<IssuerRow[]> {
  return db
    .select()
    .from(issuers)
    .where(and(eq(issuers.workspace, workspace), gt(issuers.name, after)))
    .orderBy(asc(issuers.name))
    .limit(limit)
}

export async function issuerByName(db: Db, workspace: string, name: string): Promise<IssuerRow | undefined> {
  const [row] = await db
    .select()
    .from(issuers)
    .where(and(eq(issuers.workspace, workspace), eq(issuers.name, name)))
  return row
}

/** Every registration of a provider, whoever's. */
export async function issuersByUrl(db: Db, issuer: string): Promise<IssuerRow[]> {
  return db.select().from(issuers).where(eq(issuers.issuer, issuer))
}

export async function upsertIssuer(db: Db, row: IssuerRow): Promise<void> {
  const { workspace: _, name: __, ...set } = row
  await db
    .insert(issuers)
    .values(row)
    .onConflictDoUpdate({ target: [issuers.workspace, issuers.name], set })
}

export async function setIssuerKeys(
  db: Db,
  issuer: string,
  set: Pick<IssuerRow, 'keysTriedAt'> & Partial<Pick<IssuerRow, 'jwks' | 'keysFetchedAt' | 'keysError' | 'metadata'>>,
): Promise<void> {
  await db.update(issuers).set(set).where(eq(issuers.issuer, issuer))
}

/** The one that was there. */
export async function deleteIssuerRow(db: Db, workspace: string, name: string): Promise<IssuerRow | undefined> {
  const [gone] = await db
    .delete(issuers)
    .where(and(eq(issuers.workspace, workspace), eq(issuers.name, name)))
    .returning()
  return gone
}

export async function insertSession(db: Db, row: typeof sessions.$inferInsert): Promise<SessionRow> {
  const [stored] = await db.insert(sessions).values(row).returning()
  if (stored === undefined) throw new Error('the session was not stored')
  return stored
}

export async function sessionByHash(db: Db, hash: string): Promise<SessionRow | undefined> {
  const [row] = await db.select().from(sessions).where(eq(sessions.hash, hash))
  return row
}

/** The session that a refresh token was of, if it was used before. */
export async function sessionOfUsed(db: Db, hash: string): Promise<SessionRow | undefined> {
  const [row] = await db
    .select({ session: sessions })
    .from(usedRefreshTokens)
    .innerJoin(sessions, eq(sessions.id, usedRefreshTokens.session))
    .where(eq(usedRefreshTokens.hash, hash))
  return row?.session
}

/** Replaces the token that may be used next; false where somebody else was quicker. */
export async function rotateRefreshToken(
  db: Db,
  id: string,
  { from, to, at }: { readonly from: string; readonly to: string; readonly at: Date },
): Promise<boolean> {
  const changed = await db
    .update(sessions)
    .set({ hash: to, usedAt: at })
    .where(and(eq(sessions.id, id), eq(sessions.hash, from), isNull(sessions.endedAt)))
    .returning({ id: sessions.id })
  if (changed.length === 0) return false
  await db.insert(usedRefreshTokens).values({ hash: from, session: id, usedAt: at })
  return true
}

/** True where it had not ended already. */
export async function setSessionEnded(db: Db, id: string, at: Date): Promise<boolean> {
  const ended = await db
    .update(sessions)
    .set({ endedAt: at })
    .where(and(eq(sessions.id, id), isNull(sessions.endedAt)))
    .returning({ id: sessions.id })
  return ended.length > 0
}

/** Ids of keys, users and sessions that ended since: a token of theirs may still be on its way. */
export async function endedSince(db: Db, since: Date): Promise<string[]> {
  const [revoked, disabled, ended] = await Promise.all([
    db.select({ id: keys.id }).from(keys).where(gt(keys.revokedAt, since)),
    // A person who may not come any more may hold a provider's token of any age.
    db.select({ id: users.id }).from(users).where(isNotNull(users.disabledAt)),
    db.select({ id: sessions.id }).from(sessions).where(gt(sessions.endedAt, since)),
  ])
  return [...revoked, ...disabled, ...ended].map(({ id }) => id)
}

export async function deleteSessionsBefore(db: Db, before: Date): Promise<void> {
  await db.delete(sessions).where(or(lt(sessions.expiresAt, before), lt(sessions.endedAt, before)))
}

export async function rolesOf(db: Db, workspace: string): Promise<RoleRow[]> {
  return db.select().from(roles).where(eq(roles.workspace, workspace)).orderBy(asc(roles.name))
}
