import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import { isWellFormedKey } from '#mesh/keys.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Deps } from './deps.ts'
import { keyHash } from './mint.ts'
import { keyByHash } from './store.ts'

/** Who the key is. Unknown, revoked and expired keys get one answer, so that guessing teaches nothing. */
export async function verifyKey(deps: Pick<Deps, 'db' | 'now'>, text: string): Promise<Actor> {
  const found = isWellFormedKey(text) ? await keyByHash(deps.db, keyHash(text)) : undefined
  const key = found?.key
  if (
    found === undefined ||
    key === undefined ||
    key.revokedAt !== null ||
    (key.expiresAt !== null && key.expiresAt.getTime() <= deps.now())
  ) {
    throw new Failure('auth.invalid', 'The key is unknown, expired or revoked.')
  }
  return create(ActorSchema, {
    workspace: key.workspace,
    id: key.id,
    scopes: key.scopes,
    plan: key.plan,
    params: key.params,
    filters: key.filters,
    corsOrigins: found.workspace.corsOrigins,
    ...(key.expiresAt === null ? {} : { expiresAt: timestampFromDate(key.expiresAt) }),
  })
}
