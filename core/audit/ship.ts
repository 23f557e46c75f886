import { hash } from 'node:crypto'
import type { Logger } from 'pino'
import type { ControlDb } from '../storage/control.ts'
import type { Log } from '../storage/log.ts'
import { entriesBeyond, type EntryRow, type HeadRow, setShipped, unshipped } from './store.ts'

const everyMs = 500
const batch = 500
const all = { actor: '', action: '', resource: '', outcome: '', from: undefined, to: undefined } as const

export interface ShipDeps {
  readonly db: ControlDb
  readonly log: Log
  readonly logger: Logger
  /** Makes the workspace's own streams where they are not there. */
  readonly createDatabase: (workspace: string) => Promise<void>
  /** Whether this process is the one that does; without it there is no other. */
  readonly isOwner?: () => boolean
}

/**
 * Carries entries into the stream `_audit` of their workspace. The entries themselves are the outbox: what was sent and
 * not noted is sent again under the same identity, and dropped there as the repeat that it is.
 */
export function createShipping({ db, log, logger, createDatabase, isOwner = () => true }: ShipDeps) {
  const prepared = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: Promise<void> = Promise.resolve()
  let isClosed = false

  async function ship({ workspace, shippedSeq }: HeadRow): Promise<void> {
    if (!prepared.has(workspace)) await createDatabase(workspace)
    prepared.add(workspace)
    for (let after = shippedSeq; ;) {
      // 0 would be the beginning of what is there, which is the same.
      const rows = await entriesBeyond(db, workspace, all, { after, limit: batch, oldestFirst: true })
      const last = rows.at(-1)
      if (last === undefined) return
      await log.append([{ topic: `${workspace}._audit`, partition: 0, records: rows.map(recordOf) }])
      await setShipped(db, workspace, last.seq)
      after = last.seq
    }
  }

  async function round(): Promise<void> {
    try {
      if (isOwner()) for (const head of await unshipped(db)) await ship(head)
    } catch (error) {
      if (!isClosed) logger.error({ err: error }, 'audit entries could not be sent; they are tried again')
    }
    if (!isClosed) timer = setTimeout(start, everyMs)
  }

  function start(): void {
    running = round()
  }

  return {
    start,
    async close(): Promise<void> {
      isClosed = true
      clearTimeout(timer)
      await running
    },
  }
}

function recordOf({
  workspace,
  seq,
  at,
  actor,
  action,
  resource,
  outcome,
  code,
  detail,
  requestId,
  hash: link,
}: EntryRow) {
  const key = hash('sha256', `audit\n${workspace}\n${seq}`, 'buffer').subarray(0, 16)
  const row = {
    time: at.toISOString(),
    seq,
    actor,
    action,
    resource,
    outcome,
    code,
    detail,
    request_id: requestId,
    hash: link,
  }
  return { key, value: JSON.stringify(row), timestamp: at.getTime() }
}
