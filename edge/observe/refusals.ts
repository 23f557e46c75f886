import type { Client } from '#mesh/rpc/call.ts'
import type { AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import type { Background } from '../core.ts'

interface Refusal {
  readonly workspace: string
  readonly actor: string
  /** The method and the route. */
  readonly action: string
  readonly resource: string
  readonly code: string
  readonly reason: string
  readonly requestId: string
  readonly address: string
}

const delayMs = 500
const lostMs = 35_000
/** Different ones; the same one again only counts. */
const maxWaiting = 1_000

interface RefusalsDeps {
  readonly audit: Pick<Client<typeof AuditService>, 'reportRefusals'>
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly onDropped: (count: number) => void
}

/** What is refused here to somebody known, for the audit log of the workspace: in batches, never in the way of the answer. */
export function createRefusals({ audit, sleep, now, onDropped }: RefusalsDeps) {
  let waiting = new Map<string, { readonly refusal: Refusal; count: number }>()
  /** As in usage.ts. */
  let sendingSince = Number.NEGATIVE_INFINITY

  async function send(): Promise<void> {
    await sleep(delayMs)
    const batch = [...waiting.values()]
    waiting = new Map()
    sendingSince = Number.NEGATIVE_INFINITY
    try {
      await audit.reportRefusals({ refusals: batch.map(({ refusal, count }) => ({ ...refusal, count })) })
    } catch {
      onDropped(batch.length)
    }
  }

  return {
    record(refusal: Refusal, background: Background): void {
      const { requestId: _, ...same } = refusal
      const key = JSON.stringify(same)
      const known = waiting.get(key)
      if (known !== undefined) known.count++
      else if (waiting.size >= maxWaiting) return onDropped(1)
      else waiting.set(key, { refusal, count: 1 })
      if (now() - sendingSince < lostMs) return
      sendingSince = now()
      background.waitUntil(send())
    },
  }
}
