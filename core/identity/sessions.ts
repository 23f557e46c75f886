import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { ControlTx } from '../storage/control.ts'
import type { Deps } from './deps.ts'
import { mintId, mintSecret, secretHash } from './mint.ts'
import { insertSession, type IssuerRow, type SessionRow, setSessionEnded } from './store-tokens.ts'
import { endSessionsOfIssuer, sessionById, sessionsOf, updateUserRow, type UserRow } from './store-users.ts'

const maxAgentLength = 300

export interface BegunSession {
  /** `ews_…`: here and nowhere else. */
  readonly credential: string
  readonly session: SessionRow
  readonly user: UserRow
}

/** A session for somebody who has shown who they are. */
export async function beginSession(
  tx: ControlTx,
  user: UserRow,
  {
    now,
    ms,
    address,
    agent,
  }: { readonly now: number; readonly ms: number; readonly address: string; readonly agent: string },
): Promise<BegunSession> {
  const credential = mintSecret('ews')
  const session = await insertSession(tx, {
    id: mintId('ses', now),
    workspace: user.workspace,
    actor: user.id,
    kind: 'browser',
    hash: secretHash(credential),
    createdAt: new Date(now),
    usedAt: new Date(now),
    expiresAt: new Date(now + ms),
    address: address.slice(0, 64),
    agent: agent.slice(0, maxAgentLength),
  })
  const signedIn = await updateUserRow(tx, user.workspace, user.id, { signedInAt: new Date(now) })
  return { credential, session, user: signedIn ?? user }
}

/** Ends the sessions of all who came by a provider: what it may say of people has changed. */
export async function endFederated(tx: ControlTx, issuer: IssuerRow, now: number): Promise<void> {
  const workspaces = [...new Set(issuer.rules.map((rule) => rule.workspace))]
  for (const { id, workspace } of await endSessionsOfIssuer(tx, issuer.issuer, workspaces, new Date(now))) {
    await recordChange(tx, { kind: 'session', workspace, name: id })
  }
}

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
