import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Client } from '#mesh/rpc/call.ts'
import type { IngestService, UsageEventSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { Background } from '../core.ts'

export type UsageEvent = MessageInitShape<typeof UsageEventSchema>

/** What a crash may lose. */
const delayMs = 500
const lostMs = 35_000
const maxBatch = 10_000
const maxWaiting = 50_000

export interface UsageDeps {
  readonly ingest: Pick<Client<typeof IngestService>, 'writeUsage'>
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly onDropped: (count: number) => void
}

/** Every authenticated request becomes an event of its workspace, in batches and never in the way of the answer. */
export function createUsage({ ingest, sleep, now, onDropped }: UsageDeps) {
  let waiting: UsageEvent[] = []
  /** When somebody began to send; one who has not ended by `lostMs` was torn down. */
  let sendingSince = Number.NEGATIVE_INFINITY

  async function send(): Promise<void> {
    try {
      await sleep(delayMs)
      while (waiting.length > 0) {
        const batch = waiting.length > maxBatch ? waiting.splice(0, maxBatch) : waiting
        if (batch === waiting) waiting = []
        try {
          await ingest.writeUsage({ events: batch })
        } catch {
          // The next request's batch tries again; what is too much for that is counted and given up.
          const room = Math.max(0, maxWaiting - waiting.length)
          onDropped(Math.max(0, batch.length - room))
          waiting = [...batch.slice(0, room), ...waiting]
          return
        }
      }
    } finally {
      sendingSince = Number.NEGATIVE_INFINITY
    }
  }

  return {
    record(event: UsageEvent, background: Background): void {
      if (waiting.length >= maxWaiting) return onDropped(1)
      waiting.push(event)
      // workerd runs nothing between requests, so the request that finds nobody sending stays behind to send.
      // One who began after now did so before the clock was set back.
      if (Math.abs(now() - sendingSince) < lostMs) return
      sendingSince = now()
      background.waitUntil(send())
    },
  }
}
