import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import { scopesOfRoles } from '#mesh/scopes.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { ControlDb } from '../storage/control.ts'
import type { Deps } from './deps.ts'
import { secretHash } from './mint.ts'
import { type Plan, planMessage } from './plan.ts'
import { rolesOf, sessionByHash, type SessionRow } from './store-tokens.ts'
import { corsOriginsOf, userById } from './store-users.ts'

/** Who a browser's session is, with the roles of now. */
export async function verifySession(deps: Pick<Deps, 'db' | 'now' | 'defaultPlan'>, text: string): Promise<Actor> {
  const session = await sessionByHash(deps.db, secretHash(text))
  if (session?.kind !== 'browser' || session.endedAt !== null || session.expiresAt.getTime() <= deps.now()) {
    throw new Failure('auth.invalid', 'The session has ended.', { hint: 'Sign in again.' })
  }
  const actor = await userActor(deps.db, deps.defaultPlan, session)
  if (actor === undefined) throw new Failure('auth.invalid', 'The session has ended.', { hint: 'Sign in again.' })
  actor.expiresAt = timestampFromDate(session.expiresAt)
  return actor
}

/** A person as an actor; undefined for one who may not come any more. */
export async function userActor(
  db: ControlDb,
  plan: Plan,
  { workspace, actor: id, id: session }: Pick<SessionRow, 'workspace' | 'actor' | 'id'>,
): Promise<Actor | undefined> {
  const user = await userById(db, workspace, id)
  if (user === undefined || user.disabledAt !== null) return undefined
  const [defined, corsOrigins] = await Promise.all([rolesOf(db, workspace), corsOriginsOf(db, workspace)])
  return create(ActorSchema, {
    workspace,
    id,
    session,
    scopes: scopesOfRoles(user.roles, defined),
    plan: planMessage(plan),
    corsOrigins: [...corsOrigins],
  })
}
