import { Failure } from '#mesh/errors.ts'
import type { Log, PartitionRange } from '../storage/log.ts'
import type { Warehouse } from '../storage/warehouse.ts'
import { quoteName } from '../storage/quote.ts'
import type { StreamLimits } from './limits.ts'
import { streamOf } from './names.ts'

export interface ReplayDeps {
  readonly log: Log
  readonly warehouse: Warehouse
  readonly limits: Pick<StreamLimits, 'repeatsWindow' | 'repeatsMs'>
}

/** Where to read again from: a time in milliseconds since 1970, an offset in some partitions, or all that may be. */
export type ReplayFrom =
  | { readonly timestamp: number }
  | { readonly offsets: readonly { readonly partition: number; readonly offset: number }[] }
  | undefined

/** What of a partition is read again: `[from, to)`. */
export interface ReplayRange {
  readonly partition: number
  readonly from: number
  readonly to: number
}

const timeoutMs = 30_000

/** Which ranges of a topic's partitions are to be read again; those without a record are left out. */
export async function replayRanges(deps: ReplayDeps, topic: string, from: ReplayFrom): Promise<readonly ReplayRange[]> {
  const ranges = await deps.log.ranges(topic)
  const timestamp = from !== undefined && 'timestamp' in from ? from.timestamp : undefined
  const asked = from !== undefined && 'offsets' in from ? from.offsets : undefined
  const known = new Set(ranges.map(({ partition }) => partition))
  for (const [at, { partition }] of (asked ?? []).entries()) {
    if (!known.has(partition)) throw invalid(at, 'partition', `must be below ${ranges.length}`)
    if (asked?.findIndex((one) => one.partition === partition) !== at) throw invalid(at, 'partition', 'is there twice')
  }
  const found = await Promise.all(
    ranges.map(async (range) => {
      const { partition, end } = range
      const at = asked?.findIndex((one) => one.partition === partition) ?? -1
      if (asked !== undefined && at < 0) return { partition, from: end, to: end }
      const earliest = await earliestOf(deps, topic, range)
      const byTime = timestamp === undefined ? earliest : await deps.log.offsetAt(topic, partition, timestamp)
      const offset = asked?.[at]?.offset ?? byTime
      if (asked !== undefined && (offset < earliest || offset > end)) {
        throw invalid(at, 'offset', `must be from ${earliest} to ${end}`)
      }
      return { partition, from: Math.max(offset, earliest), to: end }
    }),
  )
  return found.filter((range) => range.from < range.to)
}

/**
 * The oldest offset that a partition can be read again from. A record is known as a repeat by those before it; where these
 * have left the log and their rows are still in the table, it would be taken for new.
 */
async function earliestOf(deps: ReplayDeps, topic: string, { partition, start, end }: PartitionRange): Promise<number> {
  if (start === 0 || start === end || !(await hasRowsBefore(deps, topic, partition, start))) return start
  const { repeatsWindow, repeatsMs } = deps.limits
  const [first] = await deps.log.read(topic, partition, start, { maxRecords: 1, maxBytes: 1 })
  const byTime = await deps.log.offsetAt(topic, partition, (first?.timestamp ?? 0) + repeatsMs)
  const byWindow = (Math.ceil(start / repeatsWindow) + 1) * repeatsWindow
  return Math.min(byTime, byWindow, end)
}

async function hasRowsBefore(
  { warehouse }: ReplayDeps,
  topic: string,
  partition: number,
  offset: number,
): Promise<boolean> {
  const { workspace, stream } = streamOf(topic)
  const found = await warehouse.rows({
    sql: `SELECT 1 FROM ${quoteName(workspace)}.${quoteName(stream)}
          WHERE _partition = {partition:UInt16} AND _offset < {offset:UInt64} LIMIT 1`,
    database: workspace,
    params: { partition: String(partition), offset: String(offset) },
    deadline: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
  })
  return found.length > 0
}

function invalid(at: number, field: string, reason: string): Failure {
  return new Failure('request.invalid', `The log cannot be read again from there: ${field} ${reason}.`, {
    hint: 'Leave the offsets out to read again all that can be.',
    errors: [{ pointer: `/offsets/${at}/${field}`, reason }],
  })
}
