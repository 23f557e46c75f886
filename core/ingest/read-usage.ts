import { Failure } from '#mesh/errors.ts'
import { UsageBy } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import type { Quota } from '../budgets.ts'
import { authorise, type Context } from '../context.ts'
import type { Deps } from './deps.ts'

export interface ReadUsage {
  readonly from: Date | undefined
  readonly to: Date | undefined
  readonly by: UsageBy
}

/** As the warehouse writes 64-bit integers. */
export interface UsageSum {
  readonly key: string
  readonly requests: string
  readonly failed: string
  readonly cached: string
  readonly cost: string
  readonly request_bytes: string
  readonly response_bytes: string
  readonly rows_read: string
  readonly bytes_read: string
  readonly events: string
}

const dayMs = 86_400_000
const maxSums = 1_000

const keyOf: Readonly<Record<UsageBy, string>> = {
  [UsageBy.UNSPECIFIED]: "''",
  [UsageBy.ACTOR]: 'actor',
  [UsageBy.ROUTE]: 'route',
  [UsageBy.RESOURCE]: 'resource',
  [UsageBy.HOUR]: "formatDateTime(toStartOfHour(time, 'UTC'), '%FT%H:00:00Z', 'UTC')",
  [UsageBy.DAY]: "formatDateTime(time, '%FT00:00:00Z', 'UTC')",
}

/** What the workspace used, from `_requests`, and how the caller's own plan stands. */
export async function readUsage(
  { warehouse, budgets, streams }: Deps,
  ctx: Context,
  input: ReadUsage,
): Promise<{ readonly usage: readonly UsageSum[]; readonly quotas: readonly Quota[] }> {
  authorise(ctx, 'usage:read')
  const to = input.to ?? new Date()
  const from = input.from ?? new Date(to.getTime() - dayMs)
  if (from >= to) {
    throw new Failure('request.invalid', 'The stretch of time is empty.', {
      errors: [{ pointer: 'from', reason: 'must be before to' }],
    })
  }
  const { actor, deadline, signal } = ctx
  // Whoever is held to some rows, or to some values, is not to learn what others ask for.
  const isHeld = actor.filters.length > 0 || Object.keys(actor.params).length > 0
  const byTime = input.by === UsageBy.HOUR || input.by === UsageBy.DAY
  await streams.system(actor.workspace, '_requests')
  const [usage, quotas] = await Promise.all([
    warehouse.rows<UsageSum>({
      sql: `SELECT ${keyOf[input.by] ?? "''"} AS key, count() AS requests, countIf(status >= 400) AS failed,
              countIf(cache IN ('HIT', 'STALE')) AS cached, sum(cost) AS cost, sum(request_bytes) AS request_bytes,
              sum(response_bytes) AS response_bytes, sum(rows_read) AS rows_read, sum(bytes_read) AS bytes_read,
              sum(events) AS events
            FROM _requests
            WHERE time >= fromUnixTimestamp64Milli({from:Int64}) AND time < fromUnixTimestamp64Milli({to:Int64})
              AND ({actor:String} = '' OR actor = {actor:String})
            GROUP BY key ORDER BY ${byTime ? 'key DESC' : 'requests DESC, key'} LIMIT ${maxSums}`,
      database: actor.workspace,
      params: { from: String(from.getTime()), to: String(to.getTime()), actor: isHeld ? actor.id : '' },
      deadline,
      signal,
    }),
    // What of it goes tells how much its queries read, hidden rows too.
    actor.filters.length > 0 ? [] : budgets.quotas(actor),
  ])
  return { usage, quotas }
}
