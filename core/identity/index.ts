import type { Call, Service } from '#mesh/rpc/call.ts'
import type { Actor, IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { createAuthenticator } from './authenticate.ts'
import { bootstrap } from './create-workspace.ts'
import type { Deps } from './deps.ts'
import { identityService } from './rpc.ts'
import { verifyKey } from './verify-key.ts'

export const migrations = { domain: 'identity', folder: new URL('./migrations', import.meta.url) }

export interface Identity {
  readonly service: Service<typeof IdentityService>
  /** Who a call comes from; undefined when it carries no credential. */
  authenticate(call: Call): Promise<Actor | undefined>
  /** Makes the first workspace; answers its administrator's key, or undefined when there was one already. */
  bootstrap(): Promise<string | undefined>
}

export function createIdentity(
  options: Omit<Deps, 'forget'> & { readonly edgeToken: string; readonly operatorToken: string },
): Identity {
  const authenticator = createAuthenticator({
    verify: (key) => verifyKey(options, key),
    edgeToken: options.edgeToken,
    operatorToken: options.operatorToken,
    now: options.now,
  })
  const deps: Deps = { ...options, forget: authenticator.forget }
  return {
    service: identityService(deps),
    authenticate: authenticator.authenticate,
    bootstrap: async () => (await bootstrap(deps))?.key.text,
  }
}
