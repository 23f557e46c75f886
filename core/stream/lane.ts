import type { Log, StoredRecord } from '../storage/log.ts'
import { deliver, type DeliverDeps, quarantine } from './deliver.ts'
import type { StreamLimits } from './limits.ts'
import { warehouseGroup } from './names.ts'
import { type Exceptions, judge, pipeline } from './pipeline.ts'
import { missingOf } from './recover.ts'
import { createRepeats } from './repeats.ts'

/** What is stored with a committed offset. */
interface Progress {
  /** Set while a batch `[offset, to)` is planned and may be anywhere between not begun and done. */
  readonly to?: number
  /** Repeats dropped so far. */
  readonly repeated: number
}

/**
 * One partition on its way into the warehouse. Each batch is planned durably before it is inserted and committed
 * after, so whenever the process ends, the next one knows exactly which rows may or may not be there, and looks.
 */
export async function openLane(
  deps: DeliverDeps & { readonly limits: StreamLimits },
  topic: string,
  partition: number,
) {
  const { log, limits } = deps
  const found = (await log.committed(warehouseGroup, topic)).find((commit) => commit.partition === partition)
  let progress: Progress = found === undefined ? { repeated: 0 } : (JSON.parse(found.metadata) as Progress)
  let next = found?.offset ?? 0
  const repeats = createRepeats(limits)
  await repeats.load(log, topic, partition, next)
  const steps = pipeline(repeats)
  /**
   * What was decided about the batch that begins at `next`. It is kept over attempts, because repeats can be asked about
   * only once; the records are not, because there may be many partitions that wait for a warehouse that is away.
   */
  let decided: { readonly to: number; readonly exceptions: Exceptions } | undefined
  /** Whether an earlier attempt at this batch may have left rows behind. */
  let doubtful = progress.to !== undefined

  const commit = (offset: number, state: Progress) =>
    log.commit(warehouseGroup, [{ topic, partition, offset, metadata: JSON.stringify(state) }])

  /** Exactly the range that was planned or decided before, or as much as there is now. */
  async function read() {
    const end = decided?.to ?? progress.to
    const planned = end === undefined ? undefined : end - next
    const bounds = {
      maxRecords: planned ?? limits.batchRows,
      maxBytes: planned === undefined ? limits.batchBytes : Infinity,
    }
    const records = await readRange(log, topic, partition, next, bounds, planned)
    decided ??= { to: next + records.length, exceptions: judge(steps, records) }
    const { to, exceptions } = decided
    const bad = records.flatMap((record) => {
      const outcome = exceptions.get(record.offset)
      return outcome?.kind === 'quarantine' ? [{ record, column: outcome.column, reason: outcome.reason }] : []
    })
    const good = records.filter((record) => !exceptions.has(record.offset))
    return { to, good, bad, repeated: progress.repeated + exceptions.size - bad.length }
  }

  return {
    topic,
    partition,
    get next() {
      return next
    },
    /** Takes one batch all the way; answers whether there was one. Throws what passes by itself; call again then. */
    async advance(): Promise<boolean> {
      const { to, good, bad, repeated } = await read()
      if (to === next) {
        decided = undefined
        return false
      }
      if (progress.to === undefined) {
        await commit(next, { to, repeated: progress.repeated })
        progress = { to, repeated: progress.repeated }
      }
      await deps.failPoint?.('after-plan')
      await quarantine(deps, { topic, partition }, bad)
      const whole = { topic, partition, from: next, to, records: good }
      const missing = doubtful ? await missingOf(deps.warehouse, whole) : whole.records
      doubtful = true
      await deliver(deps, { ...whole, records: missing })
      await deps.failPoint?.('before-commit')
      await commit(to, { repeated })
      progress = { repeated }
      next = to
      decided = undefined
      doubtful = false
      return true
    },
  }
}

export type Lane = Awaited<ReturnType<typeof openLane>>

/** Reads what there is up to the bounds; a planned range is read to its end, however many reads that takes. */
async function readRange(
  log: Log,
  topic: string,
  partition: number,
  from: number,
  bounds: { readonly maxRecords: number; readonly maxBytes: number },
  planned = 0,
) {
  const records: StoredRecord[] = []
  do {
    const more = await log.read(topic, partition, from + records.length, {
      ...bounds,
      maxRecords: bounds.maxRecords - records.length,
    })
    if (more.length === 0 && planned > 0) throw new Error(`the log of ${topic}/${partition} lacks planned records`)
    records.push(...more)
  } while (records.length < planned)
  return records
}
