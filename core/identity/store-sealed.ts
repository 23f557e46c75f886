import { and, eq, isNotNull } from 'drizzle-orm'
import type { ControlTx } from '../storage/control.ts'
import { issuers, signingKeys, users } from './schema.ts'

/** A secret as it is stored. */
export interface SealedRow {
  readonly kind: 'signing_key' | 'issuer' | 'totp'
  readonly workspace: string
  readonly id: string
  readonly sealed: string
}

/** All that the domain keeps sealed. */
export async function sealedSecrets(db: ControlTx): Promise<SealedRow[]> {
  const keys = await db.select({ id: signingKeys.id, sealed: signingKeys.sealedJwk }).from(signingKeys)
  const secrets = await db
    .select({ workspace: issuers.workspace, id: issuers.name, sealed: issuers.sealedSecret })
    .from(issuers)
    .where(isNotNull(issuers.sealedSecret))
  const seeds = await db
    .select({ workspace: users.workspace, id: users.id, sealed: users.sealedTotp })
    .from(users)
    .where(isNotNull(users.sealedTotp))
  return [
    ...keys.map((row) => ({ ...row, kind: 'signing_key' as const, workspace: '' })),
    ...secrets.map((row) => ({ ...row, kind: 'issuer' as const, sealed: row.sealed ?? '' })),
    ...seeds.map((row) => ({ ...row, kind: 'totp' as const, sealed: row.sealed ?? '' })),
  ]
}

/** Replaces it where it is still what was read. */
export async function setSealed(db: ControlTx, row: SealedRow, sealed: string): Promise<boolean> {
  const { kind, workspace, id } = row
  if (kind === 'signing_key') {
    const same = and(eq(signingKeys.id, id), eq(signingKeys.sealedJwk, row.sealed))
    return some(await db.update(signingKeys).set({ sealedJwk: sealed }).where(same).returning({ id: signingKeys.id }))
  }
  if (kind === 'totp') {
    const same = and(eq(users.id, id), eq(users.sealedTotp, row.sealed))
    return some(await db.update(users).set({ sealedTotp: sealed }).where(same).returning({ id: users.id }))
  }
  const same = and(eq(issuers.workspace, workspace), eq(issuers.name, id), eq(issuers.sealedSecret, row.sealed))
  return some(await db.update(issuers).set({ sealedSecret: sealed }).where(same).returning({ id: issuers.name }))
}

function some(rows: readonly unknown[]): boolean {
  return rows.length > 0
}
