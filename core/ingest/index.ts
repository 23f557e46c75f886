import type { Service } from '#mesh/rpc/call.ts'
import type { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { Context } from '../context.ts'
import type { Place } from './append.ts'
import { createAnswers } from './answers.ts'
import { appendPredictions } from './append-predictions.ts'
import type { Deps, IngestOptions } from './deps.ts'
import { createInflate } from './inflate.ts'
import { createLocks } from './locks.ts'
import { maskStreams } from './mask-streams.ts'
import { createRoom } from './room.ts'
import { produceRows } from './produce-rows.ts'
import { ingestService } from './rpc.ts'
import { createStreams } from './streams.ts'
import type { SystemStream } from '../stream/index.ts'
import { type AlarmEvent, writeAlarms } from './write-alarms.ts'
import { type ChangeEvent, writeChanges } from './write-changes.ts'

export type { AlarmEvent } from './write-alarms.ts'
export type { ChangeEvent } from './write-changes.ts'
export { ingestLimits } from './limits.ts'
export { personalColumns } from './store.ts'
export type { IngestOptions, StreamDomain } from './deps.ts'

export const migrations = { domain: 'ingest', folder: new URL('./migrations', import.meta.url) }

export interface Ingest {
  readonly service: Service<typeof IngestService>
  /** Makes what models answered durable: rows of `_predictions` as JSON. */
  appendPredictions(workspace: string, rows: readonly string[]): Promise<void>
  /** For whoever is told where each row is: all are taken, or none. */
  produceRows(
    ctx: Context,
    input: { readonly stream: string; readonly rows: readonly string[] },
  ): Promise<readonly Place[]>
  /** Gives streams that were made before there were masks theirs. Called before anybody is answered. */
  maskStreams(): Promise<void>
  /** For whoever watches streams: each alarm is one event of `_alarms`, however often it is written. */
  writeAlarms(workspace: string, alarms: readonly AlarmEvent[]): Promise<void>
  /** For whoever keeps what changes: each change is one event of that stream, however often it is written. */
  writeChanges(workspace: string, stream: SystemStream, changes: readonly ChangeEvent[]): Promise<void>
  /** Forgets answers that no Idempotency-Key can ask for any more. Called on a schedule. */
  prune(now: number): Promise<void>
}

export function createIngest(options: IngestOptions): Ingest {
  const locks = createLocks()
  const deps: Deps = {
    ...options,
    streams: createStreams(options),
    answers: createAnswers(options.db, options.limits),
    locks,
    inflate: createInflate(locks, options.limits.maxInflating),
    room: createRoom(options.limits.maxInFlightBytes),
  }
  return {
    service: ingestService(deps),
    appendPredictions: (workspace, rows) => appendPredictions(deps, workspace, rows),
    produceRows: (ctx, input) => produceRows(deps, ctx, input),
    maskStreams: () => maskStreams(options),
    writeAlarms: (workspace, alarms) => writeAlarms(deps, workspace, alarms),
    writeChanges: (workspace, stream, changes) => writeChanges(deps, workspace, stream, changes),
    prune: deps.answers.prune,
  }
}
