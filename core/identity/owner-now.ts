import { clone } from '@bufbuild/protobuf'
import { allows, type Scope } from '#mesh/scopes.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Deps } from './deps.ts'
import { keyById } from './store.ts'
import { userById } from './store-users.ts'
import { userActor } from './user-actor.ts'
import { keyOf } from './verify-key.ts'

type OwnerDeps = Pick<Deps, 'db' | 'now' | 'defaultPlan'>

/** Of a key that was rerolled, and so on. */
const maxReplacements = 100

/**
 * Who an actor that asked for something to be done later is now: as it was then, less the scopes that it has lost since;
 * undefined once it has ended. A rerolled key goes on as the one in its place. Whom a provider alone vouches for, by a token of
 * its own, cannot be asked about, and stays as it was.
 */
export async function ownerNow(deps: OwnerDeps, owner: Actor): Promise<Actor | undefined> {
  const { id, workspace } = owner
  const isPerson = !id.startsWith('key_')
  if (isPerson && owner.session === '' && (await userById(deps.db, workspace, id)) === undefined) return owner
  const now = isPerson
    ? await userActor(deps.db, deps.defaultPlan, { workspace, actor: id, id: owner.session })
    : await keyNow(deps, workspace, id)
  if (now === undefined) return undefined
  const actor = clone(ActorSchema, owner)
  actor.scopes = owner.scopes.filter((scope) => covers(now.scopes, scope))
  return actor
}

async function keyNow(deps: OwnerDeps, workspace: string, id: string): Promise<Actor | undefined> {
  let at: string | null = id
  for (let left = maxReplacements; at !== null && left > 0; left--) {
    const found = await keyOf(deps, workspace, at)
    if (found !== undefined) return found
    at = (await keyById(deps.db, workspace, at))?.replacedBy ?? null
  }
  return undefined
}

function covers(held: readonly string[], scope: string): boolean {
  const [resource, verb, name] = scope.split(':')
  return held.includes(scope) || allows(held, `${resource}:${verb}` as Scope, name === '*' ? undefined : name)
}
