import type { Logger } from 'pino'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Context } from '../context.ts'
import type { AlarmEvent } from '../ingest/index.ts'
import type { ControlDb } from '../storage/control.ts'
import type { Jobs } from '../storage/jobs.ts'
import type { Objects } from '../storage/objects.ts'
import type { ModelLimits } from './limits.ts'

/** Rows of somebody’s SELECT: what a training needs of the query domain. */
export interface Reading {
  describeSql(ctx: Context, sql: string): Promise<readonly { readonly name: string; readonly type: string }[]>
  readRows(
    ctx: Context,
    input: {
      readonly sql: string
      readonly select: string
      readonly format: 'RowBinary' | 'Native'
      readonly maxRows: number
      readonly seed: number
      readonly rest?: string
    },
  ): Promise<{ readonly total: number; readonly share: number; readonly body: AsyncIterable<Uint8Array> }>
}

export interface ModelDeps {
  readonly db: ControlDb
  readonly objects: Objects
  readonly jobs: Jobs
  readonly reading: Reading
  /** Makes rows of a workspace's `_predictions` durable, each as JSON. */
  readonly appendPredictions: (workspace: string, rows: readonly string[]) => Promise<void>
  /** Predictions that were served here could not be recorded. */
  readonly onServedDropped: (count: number) => void
  /** Rows were recorded without what the version in the shadow says of them. */
  readonly onShadowSkipped: (count: number) => void
  readonly log: Logger
  readonly limits: ModelLimits
  /** Who an actor is by now; undefined once it has ended. */
  readonly ownerNow: (owner: Actor) => Promise<Actor | undefined>
  /** Puts alarms into the workspace's stream `_alarms`, each once however often it is written. */
  readonly writeAlarms: (workspace: string, alarms: readonly AlarmEvent[]) => Promise<void>
  /** The version of this program, for cards. */
  readonly code: string
  /** Milliseconds since 1970. */
  readonly now: () => number
}
