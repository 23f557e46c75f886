import { toJson } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import { type Answer, answerOf } from './answer.ts'
import type { ModelDeps } from './deps.ts'
import { beginningOf } from './look.ts'
import { getReady, noModel } from './names.ts'
import { checkDefinition } from './start-training.ts'
import { intervalText } from './statements/interval.ts'
import type { DropWatch, SetWatch } from './statements/statement.ts'
import { lockModel } from './store.ts'
import { deleteWatchRow, findWatch, upsertWatch, type WatchRow } from './store-watches.ts'

/**
 * Has a model look every so often at what came, as its caller: what is out of the ordinary becomes an event of `_alarms`. Set
 * again it goes on from where it stood, also where it had been paused.
 */
export async function setWatch(
  deps: ModelDeps,
  ctx: Context,
  { model: { name }, everyMs }: Pick<SetWatch, 'model' | 'everyMs'>,
): Promise<Answer> {
  authorise(ctx, 'models:write', name)
  const { db, now } = deps
  const { workspace } = ctx.actor
  const { version } = await getReady(db, workspace, name, 0)
  await checkDefinition(deps, ctx, version.definition)
  const beginning = await beginningOf(deps, version)
  // To be read from now on, though there is nothing in it.
  await deps.writeAlarms(workspace, [])
  const watch = await db.transaction(async (tx) => {
    if ((await lockModel(tx, workspace, name)) === undefined) throw noModel(name)
    const held = await findWatch(tx, workspace, name)
    const at = new Date(now())
    const row: WatchRow = {
      ...(held ?? { workspace, model: name, ...beginning, toldMs: 0, alarms: 0 }),
      everyMs,
      status: 'watching',
      failures: 0,
      reason: '',
      owner: toJson(ActorSchema, ctx.actor),
      requestId: ctx.requestId,
      createdAt: at,
      dueAt: at,
    }
    await upsertWatch(tx, row)
    const detail = { version: row.version, every_ms: everyMs }
    await record(tx, ctx, { action: 'set_watch', resource: `model/${name}`, detail })
    return row
  })
  return shownWatch(watch)
}

/** Ends what SET … WATCH began; false: there was nothing to end, and IF EXISTS allows it. */
export async function dropWatch(
  { db }: Pick<ModelDeps, 'db'>,
  ctx: Context,
  { model: { name }, ifExists }: Pick<DropWatch, 'model' | 'ifExists'>,
): Promise<boolean> {
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  return db.transaction(async (tx) => {
    const held = await lockModel(tx, workspace, name)
    if (await deleteWatchRow(tx, workspace, name)) {
      await record(tx, ctx, { action: 'drop_watch', resource: `model/${name}` })
      return true
    }
    if (ifExists) return false
    if (held === undefined) throw noModel(name)
    throw new Failure('resource.not_found', `\`${name}\` watches nothing.`, {
      hint: `SET MODEL ${name} WATCH EVERY 1 MINUTE makes it.`,
    })
  })
}

export function shownWatch(watch: WatchRow | undefined): Answer {
  const time = "DateTime64(3, 'UTC')"
  return answerOf(
    {
      model: 'String',
      every: 'String',
      status: 'String',
      version: 'UInt32',
      series: 'UInt32',
      seen_until: time,
      alarms: 'UInt32',
      reason: 'String',
      due_at: time,
    },
    watch === undefined
      ? []
      : [
          {
            model: watch.model,
            every: intervalText(watch.everyMs),
            status: watch.status,
            version: watch.version,
            series: watch.series.length,
            seen_until: new Date(watch.seenMs).toISOString(),
            alarms: watch.alarms,
            reason: watch.reason,
            due_at: watch.dueAt.toISOString(),
          },
        ],
  )
}
