import { Failure } from '#mesh/errors.ts'
import { itself, record } from '../audit/index.ts'
import { recordChange } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import { pageLimit } from '../page.ts'
import type { Outbound } from '../outbound.ts'
import type { ControlDb } from '../storage/control.ts'
import type { Deps } from './deps.ts'
import { fetchKeys } from './discover.ts'
import { endFederated } from './sessions.ts'
import {
  allIssuers,
  deleteIssuerRow,
  issuerByName,
  type IssuerRow,
  issuersByUrl,
  issuersOf,
  setIssuerKeys,
} from './store-tokens.ts'

/** However many tokens name unknown keys, a provider is asked this often. */
const leastBetweenMs = 10_000
/** A key that the provider has withdrawn is believed this much longer at most. */
const refreshEveryMs = 3_600_000

export async function getIssuer(deps: Deps, ctx: Context, name: string): Promise<IssuerRow> {
  authorise(ctx, 'issuers:admin')
  const row = await issuerByName(deps.db, ctx.actor.workspace, name)
  if (row === undefined) throw noIssuer(name)
  return row
}

export async function listIssuers(
  deps: Deps,
  ctx: Context,
  request: { readonly limit: number; readonly cursor: string },
) {
  authorise(ctx, 'issuers:admin')
  const limit = pageLimit(request.limit)
  const rows = await issuersOf(deps.db, ctx.actor.workspace, limit + 1, request.cursor)
  const page = rows.slice(0, limit)
  return { rows: page, nextCursor: rows.length > limit ? (page.at(-1)?.name ?? '') : '' }
}

export async function deleteIssuer(deps: Deps, ctx: Context, name: string): Promise<void> {
  authorise(ctx, 'issuers:admin')
  const { workspace } = ctx.actor
  await deps.db.transaction(async (tx) => {
    const gone = await deleteIssuerRow(tx, workspace, name)
    if (gone === undefined) throw noIssuer(name)
    await endFederated(tx, gone, deps.now())
    await recordChange(tx, { kind: 'issuer', workspace, name })
    await record(tx, ctx, { action: 'delete_issuer', resource: `issuer/${name}` })
  })
  deps.forget()
}

function noIssuer(name: string): Failure {
  return new Failure('resource.not_found', `There is no issuer \`${name.slice(0, 64)}\`.`)
}

export interface RefreshDeps {
  readonly db: ControlDb
  readonly outbound: Outbound
  readonly now: () => number
  readonly forget: () => void
}

/** Fetches a provider's keys again; true when they are others now. While it does not answer, those of before stay. */
export async function refreshIssuer(deps: RefreshDeps, issuer: string): Promise<boolean> {
  const rows = await issuersByUrl(deps.db, issuer)
  const [row] = rows
  if (row === undefined || deps.now() - row.keysTriedAt.getTime() < leastBetweenMs) return false
  const now = new Date(deps.now())
  // Before it is tried: a provider that takes its time is not asked again meanwhile.
  await setIssuerKeys(deps.db, issuer, { keysTriedAt: now })
  let jwks: string
  try {
    jwks = await fetchKeys(deps.outbound, row.metadata)
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    await setIssuerKeys(deps.db, issuer, { keysTriedAt: now, keysError: thrown.message })
    return false
  }
  await deps.db.transaction(async (tx) => {
    await setIssuerKeys(tx, issuer, { keysTriedAt: now, keysFetchedAt: now, keysError: '', jwks })
    if (jwks === row.jwks) return
    for (const { workspace, name } of rows) {
      await recordChange(tx, { kind: 'issuer', workspace, name })
      await record(tx, itself(workspace), { action: 'refresh_issuer', resource: `issuer/${name}` })
    }
  })
  if (jwks === row.jwks) return false
  deps.forget()
  return true
}

/** Those whose keys have not been fetched for a while. Called on a schedule. */
export async function refreshDue(deps: RefreshDeps): Promise<void> {
  const { issuers } = await allIssuers(deps.db)
  const due = issuers.filter(({ keysTriedAt }) => deps.now() - keysTriedAt.getTime() >= refreshEveryMs)
  for (const issuer of new Set(due.map((row) => row.issuer))) await refreshIssuer(deps, issuer)
}
