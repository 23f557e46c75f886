import { openPglite } from '../../core/storage/pglite/connect.ts'
import type { Migrations } from '../../core/storage/pglite/connect.ts'

/** A control store in memory with the tables of these domains. */
export function memoryControl(migrations: readonly Migrations[]) {
  return openPglite('memory://', migrations)
}
