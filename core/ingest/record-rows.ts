import { intend, type Intent, record } from '../audit/index.ts'
import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'

/** To be called before the first row is changed, with how many it will be. */
export type Begin = (rows?: number) => Promise<void>

/**
 * Rows are not in the control store, so what is to be done to them is written down before, and recorded after, before it
 * is answered. What fails once it has begun may have been done in part, and is recorded as that.
 */
export async function recordRows<T>(
  { db }: Pick<Deps, 'db'>,
  ctx: Context,
  change: { readonly action: string; readonly resource: string },
  work: (begin: Begin) => Promise<T>,
): Promise<T> {
  let intent: Intent | undefined
  const begin: Begin = async (rows) => {
    intent = await intend(db, ctx, { ...change, ...(rows !== undefined && { detail: { rows } }) }, ctx.deadline)
  }
  let result: T
  try {
    result = await work(begin)
  } catch (thrown) {
    // Where not even that can be written, the next start does it, or the minute after its time.
    await intent?.settle({ interrupted: true }).catch(() => undefined)
    throw thrown
  }
  if (intent === undefined) await db.transaction((tx) => record(tx, ctx, { ...change, detail: { rows: 0 } }))
  else await intent.settle({})
  return result
}
