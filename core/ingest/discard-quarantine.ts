import type { Context } from '../context.ts'
import { authoriseQuarantine, noSuchStream } from './access.ts'
import { gatherAppends } from './append.ts'
import type { Deps } from './deps.ts'
import { settle, waitingAfter, waitingByIds } from './find-quarantined.ts'
import { type QuarantinedRow, quarantinePartition, quarantineRecord } from './quarantine.ts'
import { recordRows } from './record-rows.ts'
import { checkMends } from './replay-quarantine.ts'
import { waitBriefly } from './wait.ts'

/** Gives refused rows up: those named, or all that wait now. Answers how many. */
export async function discardQuarantine(
  deps: Deps,
  ctx: Context,
  { stream, ids }: { readonly stream: string; readonly ids: readonly string[] },
): Promise<number> {
  authoriseQuarantine(ctx, 'write', stream)
  if (ids.length > 0)
    checkMends(
      ids.map((id) => ({ id })),
      deps.limits.maxMends,
    )
  const { workspace } = ctx.actor
  return deps.locks.alone(`${workspace}._quarantine/${stream}`, async () => {
    if ((await deps.streams.find(workspace, stream)) === undefined) throw noSuchStream(stream)
    await settle(deps, ctx)
    if (ids.length > 0) {
      const named = [...(await waitingByIds(deps, ctx, stream, ids)).values()]
      await discard(deps, ctx, stream, named)
      return named.length
    }
    return discardAll(deps, ctx, stream)
  })
}

/** All that wait now; answers how many. */
export async function discardAll(deps: Deps, ctx: Context, stream: string): Promise<number> {
  let discarded = 0
  let place = { time: '', id: '' }
  for (;;) {
    const rows = await waitingAfter(deps, ctx, stream, { ...place, limit: deps.limits.maxMends })
    await discard(deps, ctx, stream, rows)
    discarded += rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < deps.limits.maxMends) return discarded
    place = last
  }
}

async function discard(deps: Deps, ctx: Context, stream: string, rows: readonly QuarantinedRow[]): Promise<void> {
  if (rows.length === 0) return
  const { topic, partitions } = await deps.streams.system(ctx.actor.workspace, '_quarantine')
  const gathered = gatherAppends()
  const timestamp = Date.now()
  for (const row of rows) {
    gathered.add(topic, quarantinePartition(row.id, partitions), quarantineRecord(row, 'discarded', timestamp))
  }
  const change = { action: 'discard_quarantine', resource: `quarantine/${stream}` }
  const positions = await recordRows(deps, ctx, change, async (begin) => {
    await begin(rows.length)
    return deps.log.append(gathered.appends())
  })
  await waitBriefly(deps, ctx, positions)
}
