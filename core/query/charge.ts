import { Failure } from '#mesh/errors.ts'
import type { Budgets, Quota } from '../budgets.ts'
import type { Context } from '../context.ts'
import { type Summary, type WarehouseQuery, WarehouseError } from '../storage/warehouse.ts'
import { isFiltered } from './filters.ts'
import type { QueryLimits } from './limits.ts'
import type { Prices } from './price.ts'

export interface ChargeDeps {
  readonly limits: QueryLimits
  readonly prices: Prices
  readonly budgets: Budgets
}

/** What a query may cost its caller, from before it begins until it is known what it read. */
export interface Charge {
  /** The engine's own bounds, where less is left in the plan than a query may read: it refuses what it sees to be too much. */
  readonly bounds: Readonly<Record<string, number>>
  readonly quotas: readonly Quota[]
  /** Whether what the engine threw is this plan's end, in the plan's words. */
  refusal(thrown: unknown): Failure | undefined
  /** What was read. Undefined where the engine did not say: the price stands. */
  settle(summary: Summary | undefined): void
}

/** TOO_MANY_ROWS, TOO_MANY_BYTES. */
const unitOf = { 158: 'rows', 307: 'bytes' } as const

const free: Charge = { bounds: {}, quotas: [], refusal: () => undefined, settle: () => undefined }

/** Prices a query and holds so much of its caller's plan. An actor whose plan bounds neither rows nor bytes pays nothing for this. */
export async function charge(
  { limits, prices, budgets }: ChargeDeps,
  ctx: Context,
  query: Pick<WarehouseQuery, 'sql' | 'database' | 'params' | 'settings'>,
  filters: object,
): Promise<Charge> {
  const { plan } = ctx.actor
  if (plan === undefined || (plan.rows === 0n && plan.bytes === 0n)) return free
  const price = await prices.of(ctx, query, filters)
  const held = await budgets.hold(ctx.actor, { ...price })
  const left = new Map(held.quotas.map((quota) => [quota.unit, quota.left]))
  const most = { rows: limits.maxRowsRead, bytes: limits.maxBytesRead }
  const bounds = {
    max_rows_to_read: Math.min(most.rows, left.get('rows') ?? Infinity),
    max_bytes_to_read: Math.min(most.bytes, left.get('bytes') ?? Infinity),
  }
  return {
    bounds,
    // What of it goes would tell whoever sees some rows only how many others there are.
    quotas: isFiltered(ctx.actor) ? [] : held.quotas,
    refusal(thrown) {
      const unit = thrown instanceof WarehouseError ? unitOf[thrown.number as 158 | 307] : undefined
      const quota = held.quotas.find((one) => one.unit === unit)
      if (unit === undefined || quota === undefined || quota.left >= most[unit]) return undefined
      // Seen to be too much before it began, it has read nothing; otherwise it has read all that was left.
      const unread = (thrown as WarehouseError).message.startsWith('Limit for rows (controlled')
      held.settle(unread ? {} : { ...price, [unit]: quota.left })
      return beyond(ctx, quota, price[unit], thrown)
    },
    settle(summary) {
      held.settle({ rows: summary?.rowsRead ?? price.rows, bytes: summary?.bytesRead ?? price.bytes })
    },
  }
}

function beyond(
  { actor }: Context,
  { unit, limit, windowMs, left, resetMs }: Quota,
  price: number,
  cause: unknown,
): Failure {
  const reads = isFiltered(actor) || price <= left ? 'more than is left' : `about ${price} ${unit}; ${left} are left`
  return new Failure('limit.cost', `The query reads ${reads} of the plan’s ${limit} ${unit} in ${windowMs / 1000} s.`, {
    ...(price <= limit && { retryAfterMs: resetMs }),
    hint: 'Narrow the query by time or by the stream’s order_by columns, wait for the time in Retry-After, or use a key with a larger plan.',
    cause,
  })
}
