import { record } from '../audit/index.ts'
import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'

/** Rows are not in the control store, so what was done to them is recorded right after it, before it is answered. */
export async function recordRows(
  { db }: Pick<Deps, 'db'>,
  ctx: Context,
  action: string,
  resource: string,
  rows?: number,
): Promise<void> {
  await db.transaction((tx) => record(tx, ctx, { action, resource, ...(rows !== undefined && { detail: { rows } }) }))
}
