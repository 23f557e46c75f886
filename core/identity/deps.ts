import type { ControlDb } from '../storage/control.ts'
import type { NewKeyRow } from './store.ts'

export type Plan = NewKeyRow['plan']

export interface Deps {
  readonly db: ControlDb
  /** The plan of keys that are made without one. */
  readonly defaultPlan: Plan
  readonly now: () => number
  /** Makes the workspace's database in the warehouse. */
  readonly createDatabase: (workspace: string) => Promise<void>
  /** Called after anything that verified credentials depend on has changed. */
  readonly forget: () => void
}
