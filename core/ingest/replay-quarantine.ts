import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { authoriseQuarantine, noSuchStream } from './access.ts'
import { gatherAppends } from './append.ts'
import type { Deps } from './deps.ts'
import { settle, waitingByIds } from './find-quarantined.ts'
import { idDigest, partitionOf } from './identity.ts'
import { planBatch } from './plan.ts'
import { type QuarantinedRow, quarantinePartition, quarantineRecord } from './quarantine.ts'
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
  return deps.locks.alone(`${workspace}._quarantine/${name}`, () =>
    deps.locks.alone(`${workspace}.${name}`, async () => {
      const found = await deps.streams.find(workspace, name)
      if (found === undefined) throw noSuchStream(name)
      await settle(deps, ctx)
      const waiting = await waitingByIds(deps, ctx, name, rows.map(({ id }) => id))
      const texts = rows.map(({ id, text }) => text || waiting.get(id)?.text)
      const absent = new Map(
        rows.flatMap(({ id }, row) =>
          waiting.has(id) ? [] : [[row, { reason: 'does not wait in this quarantine', text: '' }] as const],
        ),
      )
      const batch = { texts: texts.map((text, row) => (absent.has(row) ? undefined : text)), broken: absent }
      const plan = await planBatch(ctx, found, { rowsFor: () => batch }, deps.limits)
      const stream = plan.changed && plan.definition ? await deps.streams.change(found, plan.definition) : found
      const mended = plan.good.flatMap((good) => {
        const row = waiting.get(rows[good.row]?.id ?? '')
        return row === undefined ? [] : [{ ...good, waiting: row }]
      })
      await append(deps, ctx, stream, mended)
      const errors = plan.bad.map(({ row, column, reason }) => ({ row, column, reason }))
      return { accepted: mended.length, errors }
    }),
  )
}

export function checkMends(rows: readonly { readonly id: string }[], most: number): void {
  const ids = new Set(rows.map(({ id }) => id))
  const reason =
    rows.length === 0 ? 'must name a row' : rows.length > most ? `must be at most ${most}` : 'must not name a row twice'
  if (rows.length > 0 && rows.length <= most && ids.size === rows.length) return
  throw new Failure('request.invalid', 'The rows do not hold.', { errors: [{ pointer: '/rows', reason }] })
}

/**
 * The rows go to the stream and leave the quarantine in one durable write. Without an id of its own a row is
 * identified by its place in the quarantine, so sending it again cannot double it.
 */
async function append(
  deps: Deps,
  ctx: Context,
  stream: Stream,
  mended: readonly { readonly text: string; readonly id: string; readonly waiting: QuarantinedRow }[],
): Promise<void> {
  if (mended.length === 0) return
  const timestamp = Date.now()
  const refused = await deps.streams.system(stream.workspace, '_quarantine')
  const gathered = gatherAppends()
  for (const { text, id, waiting } of mended) {
    const key = idDigest(stream.topic, stream.definition.id === '' ? `\0quarantine\n${waiting.id}` : id)
    gathered.add(stream.topic, partitionOf(key, stream.partitions), { key, value: text, timestamp })
    const partition = quarantinePartition(waiting.id, refused.partitions)
    gathered.add(refused.topic, partition, quarantineRecord(waiting, 'replayed', timestamp))
  }
  const positions = await deps.log.append(gathered.appends())
  await waitBriefly(deps, ctx, positions)
}
