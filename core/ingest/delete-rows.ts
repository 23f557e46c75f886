import { Failure } from '#mesh/errors.ts'
import { authorise, type Context } from '../context.ts'
import { isVisible, noSuchStream, refuseFiltered, refuseSystem } from './access.ts'
import type { Deps } from './deps.ts'
import { endsOf } from './ends.ts'
import { recordRows } from './record-rows.ts'
import type { Stream } from './streams.ts'

export interface DeleteRowsInput {
  readonly name: string
  readonly where: string
  readonly params: Readonly<Record<string, readonly string[]>>
  readonly dryRun: boolean
}

/**
 * Deletes the rows of a stream that a condition holds for, those on their way to the table included; answers how many.
 * The condition is a query of the caller's own, so it needs the scope for that too.
 */
export async function deleteRows(deps: Deps, ctx: Context, input: DeleteRowsInput): Promise<number> {
  const { name, where, params, dryRun } = input
  authorise(ctx, 'streams:write', name)
  authorise(ctx, 'sql:read')
  refuseSystem(name)
  if (where.trim() === '') throw noCondition(name)
  const { workspace } = ctx.actor
  const found = await existing(deps, ctx, name)
  refuseFiltered(ctx)
  const rows = await deps.selectRows(ctx, { stream: name, where, params })
  if (dryRun) {
    await settle(deps, ctx, found)
    return rows.count()
  }
  // One at a time in all: those who wait for it hold nobody up who writes.
  return deps.locks.alone('delete rows', async () => {
    if (ctx.signal.aborted) throw notInTime(ctx)
    return deps.locks.alone(`${workspace}.${name}`, async () => {
      // A row that the sink lands later would be one that the condition was not asked about.
      await settle(deps, ctx, await existing(deps, ctx, name))
      const change = { action: 'delete_rows', resource: `stream/${name}` }
      return recordRows(deps, ctx, change, (begin) =>
        rows.lend((selection) => deps.stream.tables.deleteRows(workspace, name, selection, ctx, begin)),
      )
    })
  })
}

async function existing(deps: Deps, ctx: Context, name: string): Promise<Stream> {
  const stream = isVisible(ctx, name) ? await deps.streams.find(ctx.actor.workspace, name) : undefined
  if (stream === undefined) throw noSuchStream(name)
  return stream
}

async function settle(deps: Deps, ctx: Context, { topic }: Stream): Promise<void> {
  await deps.stream.waitUntilQueryable(await endsOf(deps.log, topic), ctx)
}

function noCondition(name: string): Failure {
  return new Failure('request.missing_parameter', 'Which rows? `where` is missing or empty.', {
    hint: `Say which, as in ?where=status = 500. To delete all rows: POST /v1/streams/${name}/truncate.`,
    errors: [{ pointer: 'where', reason: 'is required' }],
  })
}

function notInTime({ signal }: Context): Failure {
  return new Failure('limit.deadline', 'Other rows were being deleted until the deadline; none of these was.', {
    hint: 'Send it again.',
    cause: signal.reason,
  })
}
