import { and, eq, sql } from 'drizzle-orm'
import type { ControlDb } from '../storage/control.ts'
import { leases } from './schema.ts'

/** Takes or renews a lease where it is free, over, or the holder's own; false: another has it. */
export async function takeLease(db: ControlDb, name: string, holder: string, ttlMs: number): Promise<boolean> {
  const until = sql`clock_timestamp() + ${ttlMs} * interval '1 millisecond'`
  const taken = await db
    .insert(leases)
    .values({ name, holder, until })
    .onConflictDoUpdate({
      target: leases.name,
      set: { holder, until },
      setWhere: sql`${leases.holder} = ${holder} or ${leases.until} < clock_timestamp()`,
    })
    .returning({ name: leases.name })
  return taken.length > 0
}

export async function deleteLease(db: ControlDb, name: string, holder: string): Promise<void> {
  await db.delete(leases).where(and(eq(leases.name, name), eq(leases.holder, holder)))
}
