import type { Budgets } from '../budgets.ts'
import type { Context } from '../context.ts'
import type { ControlDb } from '../storage/control.ts'
import type { Log } from '../storage/log.ts'
import type { KafkaLimits } from './limits.ts'
import type { Turns } from './turns.ts'
import type { Waits } from './waits.ts'

/** Where each row is. */
type Placed = Promise<readonly { readonly partition: number; readonly offset: number }[]>

export interface KafkaOptions {
  readonly db: ControlDb
  readonly log: Log
  readonly budgets: Budgets
  readonly limits: KafkaLimits
  /** Of each new topic. */
  readonly partitions: number
  /** Messages are kept for so long, and groups that nobody uses. */
  readonly retentionMs: number
  /** Writes rows to a stream, all or none, and answers where each is. */
  readonly produceRows: (ctx: Context, input: { readonly stream: string; readonly rows: readonly string[] }) => Placed
  readonly now: () => number
}

/** What every verb is given. */
export interface KafkaDeps extends KafkaOptions {
  readonly waits: Waits
  /** Changes of a group in this process: others are in other processes. */
  readonly turns: Turns
}
