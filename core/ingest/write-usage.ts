import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { gatherAppends } from './append.ts'
import type { Deps } from './deps.ts'
import { anyPartition } from './identity.ts'

export interface UsageEvent {
  readonly workspace: string
  readonly timeMs: bigint
  readonly requestId: string
  readonly method: string
  readonly route: string
  readonly resource: string
  readonly status: number
  readonly durationUs: bigint
  readonly actor: string
  readonly cache: string
  readonly requestBytes: bigint
  readonly responseBytes: bigint
  readonly cost: number
  readonly rowsRead: bigint
  readonly bytesRead: bigint
  readonly events: bigint
  readonly version: number
}

const maxTextLength = 200

/** Records the requests that an edge served, each in its workspace's `_requests`. */
export async function writeUsage(
  { log, streams, limits, onUsed }: Deps,
  ctx: Context,
  events: readonly UsageEvent[],
): Promise<void> {
  if (!ctx.actor.scopes.includes('internal:edge')) {
    throw new Failure('auth.scope', 'Only edges may record usage.')
  }
  if (events.length > limits.maxUsageEvents) {
    throw new Failure('request.too_large', `A call carries at most ${limits.maxUsageEvents} usage events.`)
  }
  const timestamp = Date.now()
  const gathered = gatherAppends()
  const places = new Map<string, { readonly topic: string; readonly partition: number }>()
  for (const event of events) {
    if (!/^[a-z][a-z0-9_]{0,47}$/.test(event.workspace)) continue
    let place = places.get(event.workspace)
    if (place === undefined) {
      const { topic, partitions } = await streams.system(event.workspace, '_requests')
      place = { topic, partition: anyPartition(partitions) }
      places.set(event.workspace, place)
    }
    onUsed(event.workspace, event.actor)
    gathered.add(place.topic, place.partition, { key: undefined, value: rowOf(event), timestamp })
  }
  const appends = gathered.appends()
  if (appends.length > 0) await log.append(appends)
}

function rowOf(event: UsageEvent): string {
  const text = (value: string) => value.slice(0, maxTextLength).toWellFormed()
  return JSON.stringify({
    time: new Date(Math.min(Number(event.timeMs), 8.64e15)).toISOString(),
    request_id: text(event.requestId),
    method: text(event.method),
    route: text(event.route),
    resource: text(event.resource),
    status: Math.min(event.status, 65_535),
    duration_ms: Number(event.durationUs) / 1000,
    actor: text(event.actor),
    cache: text(event.cache),
    request_bytes: Number(event.requestBytes),
    response_bytes: Number(event.responseBytes),
    cost: event.cost,
    rows_read: Number(event.rowsRead),
    bytes_read: Number(event.bytesRead),
    events: Number(event.events),
    version: event.version,
  })
}
