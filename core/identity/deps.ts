import type { ControlDb } from '../storage/control.ts'
import type { Refusal } from '../audit/index.ts'
import type { Outbound } from '../outbound.ts'
import type { Seal } from '../seal.ts'
import type { Signer } from './signing.ts'
import type { Plan } from './plan.ts'
import type { TrustKeeper } from './trust.ts'

export interface Deps {
  readonly db: ControlDb
  /** The plan of keys that are made without one. */
  readonly defaultPlan: Plan
  readonly now: () => number
  /** Makes the workspace's database in the warehouse. */
  readonly createDatabase: (workspace: string) => Promise<void>
  /** What our own tokens say in `iss` and `aud`: where the gateway is. */
  readonly issuerUrl: string
  readonly seal: Seal
  readonly signer: Signer
  readonly trust: TrustKeeper
  readonly outbound: Outbound
  /** Puts a refusal into the audit log that the interceptors cannot know whose it is. */
  readonly noteRefusal: (refusal: Refusal) => void
  /** Called after anything that verified credentials depend on has changed. */
  readonly forget: () => void
}
