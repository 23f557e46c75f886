import type { Logger } from 'pino'
import type { Schema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { Budgets } from '../budgets.ts'
import type { Context } from '../context.ts'
import type { ControlDb } from '../storage/control.ts'
import type { Log, Position } from '../storage/log.ts'
import type { Selection, Warehouse } from '../storage/warehouse.ts'
import type { Answers } from './answers.ts'
import type { Inflate } from './inflate.ts'
import type { IngestLimits } from './limits.ts'
import type { Locks } from './locks.ts'
import type { Room } from './room.ts'
import type { Streams } from './streams.ts'

/** What ingest needs of the stream domain. Everything under `tables` can be done twice. */
export interface StreamDomain {
  readonly tables: {
    /** The workspace's database with the system's streams, their tables and topics. */
    createDatabase(workspace: string): Promise<void>
    /** Makes table and topic where they are not there. */
    create(workspace: string, name: string, schema: Schema, partitions: number): Promise<void>
    /** Adds those that are not there. */
    addColumns(
      workspace: string,
      name: string,
      columns: readonly { readonly name: string; readonly type: string }[],
    ): Promise<void>
    /** Makes the stream's masked view what its columns say now. The table must have them. */
    mask(
      workspace: string,
      name: string,
      columns: readonly { readonly name: string; readonly type: string; readonly pii: boolean }[],
    ): Promise<void>
    /** Topics of the streams that have one. */
    masked(): Promise<ReadonlySet<string>>
    /** Table and topic. */
    drop(workspace: string, name: string): Promise<void>
    truncate(workspace: string, name: string): Promise<void>
    /** The rows at the places that the selection answers; answers how many. Calls `begin` before the first is deleted. */
    deleteRows(
      workspace: string,
      name: string,
      selection: Selection,
      until: Until,
      begin: (rows: number) => Promise<void>,
    ): Promise<number>
  }
  /** Has a stream's log read again, from a time, from offsets or from as early as can be; answers what is read. */
  replay(
    workspace: string,
    name: string,
    from: { readonly timestamp: number } | { readonly offsets: readonly PartitionOffset[] } | undefined,
  ): Promise<readonly { readonly partition: number; readonly from: number; readonly to: number }[]>
  /** Records in the log that are not in the table yet. */
  lag(workspace: string, name: string): Promise<number>
  /** Repeats that the sink dropped. */
  repeated(workspace: string, name: string): Promise<number>
  /** Resolves when everything up to the positions is in the tables; fails with `limit.deadline` when the signal aborts. */
  waitUntilQueryable(positions: readonly Position[], ctx: Pick<Context, 'signal'>): Promise<void>
}

interface PartitionOffset {
  readonly partition: number
  readonly offset: number
}

type Until = Pick<Context, 'signal' | 'deadline'>

/** What ingest needs of the query domain: a condition that has passed its gate. */
export type SelectRows = (
  ctx: Context,
  input: {
    readonly stream: string
    readonly where: string
    readonly params: Readonly<Record<string, readonly string[]>>
  },
) => Promise<{
  count(): Promise<number>
  lend<T>(work: (selection: Selection) => Promise<T>): Promise<T>
}>

export interface IngestOptions {
  readonly db: ControlDb
  readonly log: Log
  readonly warehouse: Warehouse
  readonly stream: StreamDomain
  readonly selectRows: SelectRows
  readonly logger: Logger
  readonly limits: IngestLimits
  readonly budgets: Budgets
  /** Of each new topic. */
  readonly partitions: number
  /** An actor of a workspace has asked for something. */
  readonly onUsed: (workspace: string, actor: string) => void
}

/** What every verb is given. */
export interface Deps extends IngestOptions {
  readonly streams: Streams
  readonly answers: Answers
  readonly locks: Locks
  readonly room: Room
  readonly inflate: Inflate
}
