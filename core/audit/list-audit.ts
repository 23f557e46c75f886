import { Failure } from '#mesh/errors.ts'
import { origin, type Link } from '../chain.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Seal } from '../seal.ts'
import type { ControlDb } from '../storage/control.ts'
import { anchorOf } from './anchor.ts'
import { entriesBeyond, type EntryFilter, type EntryRow, headOf } from './store.ts'

export interface ListAudit extends EntryFilter {
  /** The chain of the installation instead of the caller's workspace. */
  readonly installation: boolean
  readonly oldestFirst: boolean
  readonly limit: number
  readonly cursor: string
}

export interface AuditPage {
  /** Whose the chain is; empty for the installation. */
  readonly workspace: string
  readonly rows: readonly EntryRow[]
  readonly nextCursor: string
  /** What the chain ends with now: remembered elsewhere, it shows later that nothing was cut off. */
  readonly head: Link
  /** What precedes its first entry. */
  readonly anchor: Link
}

/** Entries of the caller's workspace. */
export async function listAudit(
  { db, seal }: { readonly db: ControlDb; readonly seal: Seal },
  ctx: Context,
  input: ListAudit,
): Promise<AuditPage> {
  authorise(ctx, 'audit:read')
  if (input.installation) authorise(ctx, 'workspaces:admin')
  if (ctx.actor.filters.length > 0) {
    throw new Failure('auth.scope', 'A key with filters has no access to the audit log.', {
      hint: 'Use a key without filters.',
    })
  }
  const workspace = input.installation ? '' : ctx.actor.workspace
  const limit = pageLimit(input.limit)
  const { oldestFirst } = input
  const after = placeOf(input.cursor)
  // Of one moment: what is pruned meanwhile is either here or said to be gone.
  const { head, rows } = await db.transaction(
    async (tx) => ({
      head: await headOf(tx, workspace),
      rows: await entriesBeyond(tx, workspace, input, { after, limit: limit + 1, oldestFirst }),
    }),
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
  const page = rows.slice(0, limit)
  return {
    workspace,
    rows: page,
    nextCursor: rows.length > limit ? String(page.at(-1)?.seq ?? '') : '',
    head: head === undefined ? origin : { seq: head.seq, hash: head.hash },
    anchor: head === undefined ? origin : anchorOf(seal, head),
  }
}

function placeOf(cursor: string): number {
  if (cursor === '') return 0
  if (/^[1-9]\d{0,14}$/.test(cursor)) return Number(cursor)
  throw new Failure('request.invalid', 'The cursor is not one of ours.', {
    errors: [{ pointer: 'cursor', reason: 'must be `next_cursor` of the page before' }],
  })
}
