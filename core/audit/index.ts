import type { Logger } from 'pino'
import type { Interceptor, Service } from '#mesh/rpc/call.ts'
import type { AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import type { Link } from '../chain.ts'
import type { Seal } from '../seal.ts'
import { resealAnchors } from './anchor.ts'
import { settleInterrupted } from './intend.ts'
import { prune } from './prune.ts'
import { createRefusals, type Refusal } from './refusals.ts'
import { auditService } from './rpc.ts'
import { createShipping, type ShipDeps } from './ship.ts'
import { allHeads } from './store.ts'

export { intend, type Intent } from './intend.ts'
export { type Author, itself, record } from './record.ts'
export type { Refusal } from './refusals.ts'

export const migrations = { domain: 'audit', folder: new URL('./migrations', import.meta.url) }

const dayMs = 86_400_000

export interface Audit {
  readonly service: Service<typeof AuditService>
  /** Keeps what calls are refused. Goes last, so that it knows who calls. */
  readonly interceptor: Interceptor
  /** Keeps a refusal that an interceptor cannot know whose it is. */
  readonly note: (refusal: Refusal) => void
  /** Puts what it keeps sealed under the current master key. */
  reseal(): Promise<void>
  /** Records what a crash cut short; answers how much. To be called by the one process that makes such changes, before there are calls. */
  settle(): Promise<number>
  /** Forgets what is older than it is kept, and says in the log what each chain ends with. Called on a schedule. */
  tend(now: number): Promise<void>
  /** Writes what waits. */
  close(): Promise<void>
}

export interface AuditOptions extends ShipDeps {
  readonly seal: Seal
  /** No other process has the store open. */
  readonly isAlone: boolean
  /** 0 keeps entries for good. */
  readonly retentionMs: number
  readonly onDropped: (count: number) => void
}

export function createAudit(options: AuditOptions): Audit {
  const { db, seal, isAlone, logger, retentionMs } = options
  const refusals = createRefusals({
    ...options,
    onError: (error) => logger.error({ err: error }, 'refusals could not be recorded'),
  })
  const shipping = createShipping(options)
  const said = new Map<string, number>()
  shipping.start()
  return {
    service: auditService({ db, seal, note: refusals.note }),
    interceptor: refusals.interceptor,
    note: refusals.note,
    reseal: () => resealAnchors(options),
    settle: () => settleInterrupted(db),
    async tend(now) {
      if (!isAlone) await settleInterrupted(db, new Date(now))
      // By whole days, so that a chain has at most one entry a day about it.
      if (retentionMs > 0) await prune(options, new Date(Math.floor((now - retentionMs) / dayMs) * dayMs))
      for (const head of await allHeads(db)) sayHead(logger, said, head)
    },
    async close() {
      await refusals.flush()
      await shipping.close()
    },
  }
}

/** In another place than the chain itself: whoever cuts its end off must change the log files too. */
function sayHead(
  logger: Logger,
  said: Map<string, number>,
  { workspace, seq, hash }: Link & { readonly workspace: string },
) {
  if (said.get(workspace) === seq) return
  said.set(workspace, seq)
  logger.info({ workspace, seq, hash }, 'audit head')
}
