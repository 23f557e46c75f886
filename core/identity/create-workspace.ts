import { Failure } from '#mesh/errors.ts'
import { scopes, type Scope, workspaceScopes } from '#mesh/scopes.ts'
import { type Author, itself, record } from '../audit/index.ts'
import { checkName } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { mintKey } from './mint.ts'
import { insertKey, insertWorkspace, type KeyRow, workspacesAfter, type WorkspaceRow } from './store.ts'

export interface NewWorkspace {
  readonly workspace: WorkspaceRow
  readonly key: { readonly row: KeyRow; readonly text: string }
}

/** Names that a database of the warehouse has already. */
const reserved = new Set(['default', 'system', 'information_schema'])

/** Makes a tenant and its administrator's key, which has every scope inside the workspace and none outside. */
export async function createWorkspace(deps: Deps, ctx: Context, name: string): Promise<NewWorkspace> {
  authorise(ctx, 'workspaces:admin')
  checkName(name, '/name')
  return addWorkspace(deps, ctx, name, workspaceScopes)
}

/** The first workspace of an installation, whose key also administers the others. Undefined when there is one already. */
export async function bootstrap(deps: Deps): Promise<NewWorkspace | undefined> {
  if ((await workspacesAfter(deps.db, 1, '', undefined)).length > 0) return undefined
  try {
    return await addWorkspace(deps, itself('main'), 'main', Object.keys(scopes) as Scope[])
  } catch (thrown) {
    // Another process that was started at the same time was quicker.
    if (thrown instanceof Failure && thrown.problem === 'resource.exists') return undefined
    throw thrown
  }
}

async function addWorkspace(deps: Deps, by: Author, name: string, held: readonly Scope[]): Promise<NewWorkspace> {
  if (reserved.has(name)) throw new Failure('resource.exists', `\`${name}\` is reserved.`)
  // First the database: if what follows fails, the same request can be repeated.
  await deps.createDatabase(name)
  return deps.db.transaction(async (tx) => {
    const workspace = await insertWorkspace(tx, name)
    if (workspace === undefined) throw new Failure('resource.exists', `There is a workspace \`${name}\` already.`)
    const key = await addAdministratorKey({ ...deps, db: tx }, name, held)
    const change = { action: 'create_workspace', resource: `workspace/${name}`, detail: { key: key.row.id } }
    // In the new chain, in the one of whoever made it, and in the one that outlives both. In this order everywhere, so that
    // none of two that make workspaces at once waits for the other.
    for (const chain of new Set(['', by.actor.workspace, name])) {
      await record(tx, { ...by, actor: { id: by.actor.id, workspace: chain } }, change)
    }
    return { workspace, key }
  })
}

/** Another administrator's key, for whoever has the machine itself. */
export async function recoverKey(deps: Deps, ctx: Context): Promise<{ readonly row: KeyRow; readonly text: string }> {
  if (!ctx.actor.scopes.includes('internal:operator')) {
    throw new Failure('auth.scope', 'Only the operator of the installation may recover its key.')
  }
  return deps.db.transaction(async (tx) => {
    const key = await addAdministratorKey({ ...deps, db: tx }, 'main', Object.keys(scopes) as Scope[])
    const by = { actor: { id: ctx.actor.id, workspace: 'main' }, requestId: ctx.requestId }
    await record(tx, by, { action: 'recover_key', resource: `key/${key.row.id}` })
    return key
  })
}

async function addAdministratorKey(
  deps: { readonly db: Parameters<typeof insertKey>[0]; readonly now: () => number },
  workspace: string,
  held: readonly Scope[],
): Promise<{ readonly row: KeyRow; readonly text: string }> {
  const { text, row } = mintKey(deps.now())
  const stored = await insertKey(deps.db, {
    ...row,
    workspace,
    name: 'administrator',
    scopes: [...held],
    plan: { name: 'unlimited', requests: 0, windowSeconds: 0 },
    params: {},
    filters: [],
  })
  if (stored === undefined) throw new Error('two keys have the same hash')
  return { row: stored, text }
}
