import { create } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { scopesOfRoles } from '#mesh/scopes.ts'
import { createVerifier, type Verdict } from '#mesh/tokens/verify.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { type Trust, TrustSchema } from '#proto/edgewise/identity/v1/token_pb.ts'
import { type Plan, planMessage } from './plan.ts'
import { type Signer, longestTokenSeconds } from './signing.ts'
import { allIssuers, endedSince } from './store-tokens.ts'
import type { ControlDb } from '../storage/control.ts'

/** Held for so long where nothing says that it changed: another core may have changed it. */
const freshMs = 5_000

export interface TrustDeps {
  readonly db: ControlDb
  readonly signer: Signer
  /** Our own `iss` and `aud`. */
  readonly issuerUrl: string
  readonly defaultPlan: Plan
  readonly now: () => number
  /** Fetches a provider's keys again; true when they are others now. */
  readonly refreshIssuer: (issuer: string) => Promise<boolean>
}

export interface TrustKeeper {
  /** For an edge to verify with. */
  current(): Promise<Trust>
  /** Who the bearer of a token is; throws a Failure for one that does not hold. */
  verify(token: string): Promise<Extract<Verdict, { readonly actor: Actor }>>
  forget(): void
}

/** Whose tokens this core believes: read from the store, and kept until something about it changes. */
export function createTrust({ db, signer, issuerUrl, defaultPlan, now, refreshIssuer }: TrustDeps): TrustKeeper {
  let kept: { readonly work: ReturnType<typeof load>; readonly until: number } | undefined

  async function load() {
    const [own, federated, ended] = await Promise.all([
      signer.publicKeys(),
      allIssuers(db),
      endedSince(db, new Date(now() - 2 * longestTokenSeconds * 1000)),
    ])
    const message = create(TrustSchema, {
      issuers: [
        {
          issuer: issuerUrl,
          audiences: [issuerUrl],
          algorithms: ['ES256'],
          jwks: JSON.stringify(own),
          clockSkewSeconds: 5,
          own: true,
        },
        ...federated.issuers.map((row) => ({
          issuer: row.issuer,
          audiences: row.audiences,
          algorithms: row.algorithms,
          jwks: row.jwks,
          clockSkewSeconds: row.clockSkewSeconds,
          rules: row.rules.map(({ claim, value, workspace, roles }) => ({
            claim,
            value,
            workspace,
            scopes: scopesOfRoles(
              roles,
              federated.roles.filter((role) => role.workspace === workspace),
            ),
            plan: planMessage(defaultPlan),
            corsOrigins: [...(federated.origins.get(workspace) ?? [])],
          })),
        })),
      ],
      ended,
    })
    return { message, verifier: createVerifier(message) }
  }

  function currently(): ReturnType<typeof load> {
    if (kept === undefined || now() >= kept.until) {
      const work = load()
      const entry = { work, until: now() + freshMs }
      kept = entry
      work.catch(() => {
        if (kept === entry) kept = undefined
      })
    }
    return kept.work
  }

  async function judge(token: string): Promise<Verdict> {
    return (await currently()).verifier.verify(token, now())
  }

  return {
    current: async () => (await currently()).message,
    async verify(token) {
      let verdict = await judge(token)
      if ('unknownKeyOf' in verdict && (await refreshIssuer(verdict.unknownKeyOf))) verdict = await judge(token)
      if ('actor' in verdict) return verdict
      const why = 'refused' in verdict ? verdict.refused : 'The key that it names is not one of its issuer.'
      throw new Failure('auth.invalid', `The token is not accepted. ${why}`)
    },
    forget() {
      kept = undefined
    },
  }
}
