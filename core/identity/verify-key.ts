import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import { isWellFormedKey } from '#mesh/keys.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Deps } from './deps.ts'
import { secretHash } from './mint.ts'
import { verifySession } from './user-actor.ts'
import { planMessage } from './plan.ts'
import { keyByHash, type KeyRow, keyWithWorkspace, type WorkspaceRow } from './store.ts'

/** Who it is that comes with a key, or with the cookie of a browser. */
export async function verifyCredential(deps: Pick<Deps, 'db' | 'now' | 'defaultPlan'>, text: string): Promise<Actor> {
  return text.startsWith('ews_') ? verifySession(deps, text) : verifyKey(deps, text)
}

/** Who the key is. Unknown, revoked and expired keys get one answer, so that guessing teaches nothing. */
export async function verifyKey(deps: Pick<Deps, 'db' | 'now'>, text: string, imported = false): Promise<Actor> {
  const found = imported || isWellFormedKey(text) ? await keyByHash(deps.db, secretHash(text)) : undefined
  if (found === undefined || !isLive(found.key, deps.now())) {
    throw new Failure('auth.invalid', 'The key is unknown, expired or revoked.')
  }
  return actorOf(found)
}

/** Who a key is, by its id; undefined once it has ended. */
export async function keyOf(deps: Pick<Deps, 'db' | 'now'>, workspace: string, id: string): Promise<Actor | undefined> {
  const found = await keyWithWorkspace(deps.db, workspace, id)
  return found === undefined || !isLive(found.key, deps.now()) ? undefined : actorOf(found)
}

function isLive({ revokedAt, expiresAt }: KeyRow, now: number): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt.getTime() > now)
}

function actorOf({ key, workspace }: { readonly key: KeyRow; readonly workspace: WorkspaceRow }): Actor {
  return create(ActorSchema, {
    workspace: key.workspace,
    id: key.id,
    scopes: key.scopes,
    plan: planMessage(key.plan),
    params: key.params,
    filters: key.filters,
    corsOrigins: workspace.corsOrigins,
    subject: key.subject,
    addresses: key.addresses,
    origins: key.origins,
    meta: Object.keys(key.meta).length === 0 ? '' : JSON.stringify(key.meta),
    ...(key.expiresAt === null ? {} : { expiresAt: timestampFromDate(key.expiresAt) }),
  })
}
