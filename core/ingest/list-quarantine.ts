import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import { authoriseQuarantine, noSuchStream, seesRefused, withheld } from './access.ts'
import type { Deps } from './deps.ts'
import { settle, waitingAfter } from './find-quarantined.ts'
import type { QuarantinedRow } from './quarantine.ts'

export interface ListQuarantine {
  readonly stream: string
  readonly limit: number
  readonly cursor: string
}

/** The refused rows of a stream that still wait, oldest first; without what they hold for whoever may not see it. */
export async function listQuarantine(
  deps: Deps,
  ctx: Context,
  { stream, limit, cursor }: ListQuarantine,
): Promise<{ readonly rows: readonly QuarantinedRow[]; readonly nextCursor: string }> {
  authoriseQuarantine(ctx, 'read', stream)
  const count = pageLimit(limit)
  const after = readCursor(cursor)
  const found = await deps.streams.find(ctx.actor.workspace, stream)
  if (found === undefined) throw noSuchStream(stream)
  await settle(deps, ctx)
  const rows = await waitingAfter(deps, ctx, stream, { ...after, limit: count + 1 })
  const page = rows.slice(0, count)
  const last = page.at(-1)
  const nextCursor = rows.length > count && last ? Buffer.from(`${last.time}/${last.id}`).toString('base64url') : ''
  if (seesRefused(ctx, found)) return { rows: page, nextCursor }
  return { rows: page.map((row) => ({ ...row, reason: withheld, text: '' })), nextCursor }
}

function readCursor(cursor: string): { readonly time: string; readonly id: string } {
  if (cursor === '') return { time: '', id: '' }
  const [, time = '', id = ''] = /^(\d{4}-[\dT:.-]{18}Z)\/(.+)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (Number.isNaN(Date.parse(time))) {
    throw new Failure('request.invalid', 'The cursor is not one of this list.', {
      errors: [{ pointer: 'cursor', reason: 'must be the next_cursor of the page before' }],
    })
  }
  return { time, id }
}
