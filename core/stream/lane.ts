import type { Log, StoredRecord } from '../storage/log.ts'
import { type Batch, deliver, type HolderDeps, isScattered, quarantine } from './deliver.ts'
import { warehouseGroup } from './names.ts'
import { type Exceptions, judge, pipeline } from './pipeline.ts'
import { missingOf, neverRefused } from './recover.ts'
import { createRepeats } from './repeats.ts'

const maxAttempts = 5

/** What is stored with a committed offset. */
interface Progress {
  /** Set while a batch `[offset, to)` is planned and may be anywhere between not begun and done. */
  readonly to?: number
  /** Repeats dropped so far. */
  readonly repeated: number
  /** Rows below this offset may be there already: a batch that reached so far was begun, and then cut smaller. */
  readonly doubtfulTo?: number
  /** How often it was gone back to read the log again. */
  readonly replays?: number
  /** Repeats below this offset were counted when they were read before. */
  readonly countedTo?: number
}

/**
 * One partition on its way into the warehouse. Each batch is planned durably before it is inserted and committed
 * after, so whenever the process ends, the next one knows exactly which rows may or may not be there, and looks.
 */
export async function openLane(deps: HolderDeps, topic: string, partition: number) {
  const { log, limits } = deps
  const found = (await log.committed(warehouseGroup, topic)).find((commit) => commit.partition === partition)
  let progress: Progress = found === undefined ? { repeated: 0 } : (JSON.parse(found.metadata) as Progress)
  let next = found?.offset ?? 0
  const repeats = createRepeats(limits)
  await repeats.load(log, topic, partition, next)
  const steps = pipeline(repeats)
  /**
   * What was decided about the records from `next` on. It is kept over attempts, because repeats can be asked about only
   * once; the records are not, because there may be many partitions that wait for a warehouse that is away.
   */
  let decided: { readonly to: number; readonly exceptions: Exceptions } | undefined
  /** Earlier attempts may have left rows behind, up to here. */
  let doubtfulTo = Math.max(progress.to ?? 0, progress.doubtfulTo ?? 0)
  const { replays = 0, countedTo = 0 } = progress
  const isReplay = (offset: number): boolean => replays > 0 && offset < countedTo
  /** What goes along with every commit. */
  const standing = (offset: number): Pick<Progress, 'doubtfulTo' | 'replays' | 'countedTo'> => ({
    ...(doubtfulTo > offset && { doubtfulTo }),
    ...(replays > 0 && { replays }),
    ...(countedTo > offset && { countedTo }),
  })
  /** Fewer than `batchRows` after a batch that reached too many of the table's partitions. */
  let maxRows = limits.batchRows

  const commit = (offset: number, state: Progress) =>
    deps.claim.commit({ topic, partition, offset, metadata: JSON.stringify(state) })

  /** Exactly the range that was planned or decided before, or as much as there is now. */
  async function read() {
    const end = progress.to ?? (decided === undefined ? undefined : Math.min(decided.to, next + maxRows))
    const planned = end === undefined ? undefined : end - next
    const bounds = {
      maxRecords: planned ?? maxRows,
      maxBytes: planned === undefined ? limits.batchBytes : Infinity,
    }
    const records = await readRange(log, topic, partition, next, bounds, planned)
    decided ??= { to: next + records.length, exceptions: judge(steps, records) }
    const { exceptions } = decided
    const bad = records.flatMap((record) => {
      const outcome = exceptions.get(record.offset)
      return outcome?.kind === 'quarantine' ? [{ record, column: outcome.column, reason: outcome.reason }] : []
    })
    const good = records.filter((record) => !exceptions.has(record.offset))
    const dropped = records.filter(({ offset }) => exceptions.get(offset)?.kind === 'drop' && !isReplay(offset)).length
    const repeated = progress.repeated + dropped
    return { to: next + records.length, good, bad, repeated }
  }

  async function plan(to: number): Promise<void> {
    const planned = { to, repeated: progress.repeated, ...standing(to) }
    await commit(next, planned)
    progress = planned
  }

  /**
   * Inserts what is missing of a batch, and looks again: the engine writes a token down before the rows that it stands for,
   * so where its process was killed between the two it knows the token, and drops the rows. They get another one.
   */
  async function complete(batch: Omit<Batch, 'attempt'>): Promise<void> {
    let missing = await missingOf(deps.warehouse, batch)
    for (let attempt = 0; missing.length > 0 && attempt < maxAttempts; attempt++) {
      const { refused } = await deliver(deps, { ...batch, records: missing, attempt })
      const left = await missingOf(deps.warehouse, batch)
      missing = left.filter(({ offset }) => !refused.has(offset))
    }
    if (missing.length === 0) return
    // They got in each time and are gone again: they are older than the table keeps rows.
    deps.logger.warn({ topic, partition, rows: missing.length }, 'rows do not stay in the table')
  }

  /** One batch, from its plan to its commit. */
  async function take(): Promise<boolean> {
    const { to, good, bad, repeated } = await read()
    if (to === next) {
      decided = undefined
      return false
    }
    if (progress.to === undefined) await plan(to)
    await deps.failPoint?.('after-plan')
    await quarantine(deps, { topic, partition }, bad)
    const all = { topic, partition, from: next, to, records: good, replays }
    const whole = isReplay(next) ? { ...all, records: await neverRefused(deps.warehouse, all) } : all
    const before = doubtfulTo
    doubtfulTo = Math.max(before, to)
    try {
      if (next < before) await complete(whole)
      else await deliver(deps, whole)
    } catch (error) {
      if (isScattered(error)) doubtfulTo = before
      throw error
    }
    await deps.failPoint?.('before-commit')
    const done = { repeated, ...standing(to) }
    await commit(to, done)
    progress = done
    next = to
    if (decided?.to === to) decided = undefined
    return true
  }

  return {
    topic,
    partition,
    get next() {
      return next
    },
    replays,
    /**
     * Goes back to an offset, durably, so that what the table lacks from there on is brought again; nobody may use this
     * lane after that. Answers false where a planned batch has to be ended first: it may be on its way under its token.
     */
    async rewind(offset: number, times: number): Promise<boolean> {
      if (progress.to !== undefined) return false
      const known = Math.max(next, countedTo)
      const back = {
        repeated: progress.repeated,
        doubtfulTo: Math.max(next, doubtfulTo),
        countedTo: known,
        replays: times,
      }
      await commit(Math.min(offset, next), back)
      return true
    },
    /** Takes one batch all the way; answers whether there was one. Throws what passes by itself; call again then. */
    async advance(): Promise<boolean> {
      try {
        const taken = await take()
        if (taken) maxRows = Math.min(limits.batchRows, maxRows + Math.ceil(maxRows / 8))
        return taken
      } catch (error) {
        const rows = (progress.to ?? next) - next
        if (!isScattered(error) || rows < 2) throw error
        // A stream whose times lie all over the years must not hold a place for as long as its parts take to write.
        maxRows = rows >> 1
        await plan(next + maxRows)
        return true
      }
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
