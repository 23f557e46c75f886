import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Deps } from './deps.ts'
import { type SessionRow, setSessionEnded } from './store-tokens.ts'
import { sessionById, sessionsOf } from './store-users.ts'

/** Of the caller; of another for who may manage users. */
export async function listSessions(
  deps: Deps,
  ctx: Context,
  request: { readonly actor: string; readonly limit: number; readonly cursor: string },
): Promise<{ readonly rows: readonly SessionRow[]; readonly nextCursor: string }> {
  const actor = request.actor === '' ? ctx.actor.id : request.actor
  if (actor !== ctx.actor.id) authorise(ctx, 'users:admin')
  const limit = pageLimit(request.limit)
  const of = { workspace: ctx.actor.workspace, actor, now: new Date(deps.now()) }
  const rows = await sessionsOf(deps.db, of, limit + 1, request.cursor)
  const page = rows.slice(0, limit)
  return { rows: page, nextCursor: rows.length > limit ? (page.at(-1)?.id ?? '') : '' }
}

/** Ends a session with all that came of it. Ending it again changes nothing. */
export async function endSession(deps: Deps, ctx: Context, asked: string): Promise<void> {
  const id = asked === '' ? ctx.actor.session : asked
  const { workspace } = ctx.actor
  const session = await sessionById(deps.db, workspace, id)
  if (session !== undefined && session.actor !== ctx.actor.id) authorise(ctx, 'users:admin')
  if (session === undefined) throw new Failure('resource.not_found', 'There is no such session.')
  await deps.db.transaction(async (tx) => {
    if (!(await setSessionEnded(tx, id, new Date(deps.now())))) return
    await recordChange(tx, { kind: 'session', workspace, name: id })
    const detail = { actor: session.actor }
    await record(tx, ctx, { action: 'end_session', resource: `session/${id}`, detail })
  })
  deps.forget()
}
