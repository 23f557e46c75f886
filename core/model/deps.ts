import type { Logger } from 'pino'
import type { Context } from '../context.ts'
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
    },
  ): Promise<{ readonly total: number; readonly share: number; readonly body: AsyncIterable<Uint8Array> }>
}

export interface ModelDeps {
  readonly db: ControlDb
  readonly objects: Objects
  readonly jobs: Jobs
  readonly reading: Reading
  readonly log: Logger
  readonly limits: ModelLimits
  /** The version of this program, for cards. */
  readonly code: string
  /** Milliseconds since 1970. */
  readonly now: () => number
}
