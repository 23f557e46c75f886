import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Position } from '../storage/log.ts'
import { authoriseQuarantine, noSuchStream, seesRefused, withheld } from './access.ts'
import { gatherAppends } from './append.ts'
import { recordRows } from './record-rows.ts'
import type { Batch } from './decode.ts'
import type { Deps } from './deps.ts'
import { settle, waitingByIds } from './find-quarantined.ts'
import { idDigest, partitionOf } from './identity.ts'
import { planBatch } from './plan.ts'
import { type QuarantinedRow, quarantinePartition, quarantineRecord } from './quarantine.ts'
import type { Broken } from './rows.ts'
import type { Stream } from './streams.ts'
import { waitBriefly } from './wait.ts'

export interface Mend {
  readonly id: string
  /** The row as JSON; empty means the text as it came. */
  readonly text: string
}

export interface Replayed {
  readonly accepted: number
  readonly errors: readonly { readonly row: number; readonly column: string; readonly reason: string }[]
}

/** Sends refused rows through the door again. Those that are still bad stay where they are. */
export async function replayQuarantine(
  deps: Deps,
  ctx: Context,
  input: { readonly stream: string; readonly rows: readonly Mend[] },
): Promise<Replayed> {
  const { stream: name, rows } = input
  authoriseQuarantine(ctx, 'write', name)
  checkMends(rows, deps.limits.maxMends)
  const { workspace } = ctx.actor
  // One at a time, so that of two replays of a row the second finds it gone.
  return deps.locks.alone(`${workspace}._quarantine/${name}`, async () => {
    if ((await deps.streams.find(workspace, name)) === undefined) throw noSuchStream(name)
    await settle(deps, ctx)
    const ids = rows.map(({ id }) => id)
    const waiting = await waitingByIds(deps, ctx, name, ids)
    const batch = batchOf(rows, waiting)
    // Those who write to the stream wait only for the write itself, not for the warehouse.
    const { replayed, positions } = await deps.locks.alone(`${workspace}.${name}`, async () => {
      const found = await deps.streams.find(workspace, name)
      if (found === undefined) throw noSuchStream(name)
      const plan = await planBatch(ctx, found, batch, deps.limits)
      const stream = plan.changed && plan.definition ? await deps.streams.change(ctx, found, plan.definition) : found
      const mended = plan.good.flatMap((good) => {
        const row = waiting.get(ids[good.row] ?? '')
        return row === undefined ? [] : [{ ...good, waiting: row }]
      })
      const isSeen = seesRefused(ctx, found)
      const errors = plan.bad.map(({ row, column, reason }) => {
        const own = isSeen || rows[row]?.text !== ''
        return { row, column, reason: own ? reason : withheld }
      })
      // They are sent once more. What is still bad stays where it is, and was charged when it came.
      const giveBack = await deps.budgets.spend(ctx.actor, { events: mended.length })
      try {
        return { replayed: { accepted: mended.length, errors }, positions: await append(deps, ctx, stream, mended) }
      } catch (thrown) {
        giveBack()
        throw thrown
      }
    })
    await waitBriefly(deps, ctx, positions)
    return replayed
  })
}

function batchOf(rows: readonly Mend[], waiting: ReadonlyMap<string, QuarantinedRow>): Batch {
  const texts: (string | undefined)[] = []
  const broken = new Map<number, Broken>()
  for (const [row, { id, text }] of rows.entries()) {
    const there = waiting.get(id)
    texts.push(there === undefined ? undefined : text || there.text)
    if (there === undefined) broken.set(row, { reason: 'does not wait in this quarantine', text: '' })
  }
  return { rowsFor: () => ({ texts, broken }) }
}

export function checkMends(rows: readonly { readonly id: string }[], most: number): void {
  const ids = new Set(rows.map(({ id }) => id))
  const reason =
    rows.length === 0 ? 'must name a row' : rows.length > most ? `must be at most ${most}` : 'must not name a row twice'
  if (rows.length > 0 && rows.length <= most && ids.size === rows.length) return
  throw new Failure('request.invalid', 'The rows do not hold.', { errors: [{ pointer: '/rows', reason }] })
}

/** What the sink refused has passed the log under its own id already, where it would be taken for a repeat of itself. */
const refusedBySink = /^s_/

/**
 * The rows leave the quarantine only when they are in the stream: the log writes topics in their order here. Without an
 * id of its own that can be used a row is identified by its place in the quarantine, so sending it again cannot double it.
 */
async function append(
  deps: Deps,
  ctx: Context,
  stream: Stream,
  mended: readonly { readonly text: string; readonly id: string; readonly waiting: QuarantinedRow }[],
): Promise<readonly Position[]> {
  if (mended.length === 0) return []
  const timestamp = Date.now()
  const refused = await deps.streams.system(stream.workspace, '_quarantine')
  const gathered = gatherAppends()
  for (const { text, id, waiting } of mended) {
    const byPlace = stream.definition.id === '' || refusedBySink.test(waiting.id)
    const key = idDigest(stream.topic, byPlace ? `\0quarantine\n${waiting.id}` : id)
    gathered.add(stream.topic, partitionOf(key, stream.partitions), { key, value: text, timestamp })
    const partition = quarantinePartition(waiting.id, refused.partitions)
    gathered.add(refused.topic, partition, quarantineRecord(waiting, 'replayed', timestamp))
  }
  const change = { action: 'replay_quarantine', resource: `quarantine/${stream.name}` }
  return recordRows(deps, ctx, change, async (begin) => {
    await begin(mended.length)
    return deps.log.append(gathered.appends())
  })
}
