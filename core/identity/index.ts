import type { Call, Service } from '#mesh/rpc/call.ts'
import type { Actor, IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import type { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import type { Assertions } from './assertion.ts'
import { createAuthenticator } from './authenticate.ts'
import { bootstrap } from './create-workspace.ts'
import type { Deps } from './deps.ts'
import { refreshDue, refreshIssuer } from './issuers.ts'
import { ownerNow } from './owner-now.ts'
import { identityService } from './rpc.ts'
import { reseal } from './reseal.ts'
import { createSigner } from './signing.ts'
import { setUsed } from './store.ts'
import { deleteSessionsBefore } from './store-tokens.ts'
import { tokenService } from './token-rpc.ts'
import { createTrust } from './trust.ts'
import { deleteAttemptsBefore, deleteSpentBefore } from './store-users.ts'
import { userService } from './user-rpc.ts'
import { verifyCredential } from './verify-key.ts'

export { type Assertions, createAssertions } from './assertion.ts'
export { createServices, parseServices } from './services.ts'

export const migrations = { domain: 'identity', folder: new URL('./migrations', import.meta.url) }

/** Of one workspace, between two times of writing them down. */
const maxInUse = 10_000
/** Sessions are known this much longer than they hold: their end must outlive their tokens. */
const keptMs = 7 * 86_400_000

export interface Identity {
  readonly service: Service<typeof IdentityService>
  readonly tokens: Service<typeof TokenService>
  readonly users: Service<typeof UserService>
  /** Who a call comes from; undefined when it carries no credential. */
  authenticate(call: Call): Promise<Actor | undefined>
  /** Who an actor that asked for something to be done later is by now; undefined once it has ended. */
  ownerNow(owner: Actor): Promise<Actor | undefined>
  /** Puts every secret under the current master key; answers how many were under another. */
  reseal(): Promise<number>
  /** Makes the first workspace; answers its administrator's key, or undefined when there was one already. */
  bootstrap(): Promise<string | undefined>
  /** Notes that a key was used; written down with the next `writeUsed`. */
  used(workspace: string, actor: string): void
  /** Writes down which keys were used. Called on a schedule, in each process. */
  writeUsed(): Promise<void>
  /** Rotates signing keys, fetches providers' keys, forgets sessions of long ago. Called on a schedule. */
  tend(): Promise<void>
}

type Options = Omit<Deps, 'forget' | 'signer' | 'trust'> & {
  readonly assertions: Assertions
  readonly edgeToken: string
  readonly operatorToken: string
  /** Who a service is by its certificate, where a call carries no credential. */
  readonly serviceOf: (call: Call) => Actor | undefined
}

export function createIdentity(options: Options): Identity {
  const { db, now } = options
  const signer = createSigner(options)
  const forget = (): void => {
    authenticator.forget()
    trust.forget()
  }
  const refreshDeps = { ...options, forget }
  const trust = createTrust({ ...options, signer, refreshIssuer: (issuer) => refreshIssuer(refreshDeps, issuer) })
  const authenticator = createAuthenticator({
    verifyKey: (text) => verifyCredential(options, text),
    verifyToken: (token) => trust.verify(token),
    assertions: options.assertions,
    edgeToken: options.edgeToken,
    operatorToken: options.operatorToken,
    serviceOf: options.serviceOf,
    now,
  })
  const inUse = new Map<string, Set<string>>()
  const deps: Deps = { ...options, signer, trust, forget }
  return {
    service: identityService(deps),
    tokens: tokenService(deps),
    users: userService(deps),
    authenticate: authenticator.authenticate,
    ownerNow: (owner) => ownerNow(options, owner),
    reseal: () => reseal(options),
    async bootstrap() {
      // There is a secret from the first start on, so that another master key is found out at the next.
      await signer.sign({})
      return (await bootstrap(deps))?.key.text
    },
    used(workspace, actor) {
      if (!actor.startsWith('key_')) return
      const ids = inUse.get(workspace) ?? new Set()
      if (ids.size < maxInUse) inUse.set(workspace, ids.add(actor))
    },
    async writeUsed() {
      const since = [...inUse]
      inUse.clear()
      for (const [workspace, ids] of since) await setUsed(db, workspace, [...ids], new Date(now()))
    },
    async tend() {
      if (await signer.rotate()) forget()
      await refreshDue(refreshDeps)
      const longAgo = new Date(now() - keptMs)
      await deleteSessionsBefore(db, longAgo)
      await deleteAttemptsBefore(db, longAgo)
      await deleteSpentBefore(db, new Date(now()))
    },
  }
}
