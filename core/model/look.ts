import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { AlarmEvent } from '../ingest/index.ts'
import { quoteOfRows } from '../storage/quote.ts'
import { readAnomaly } from './anomaly/artefact.ts'
import { follow } from './anomaly/follow.ts'
import type { AnomalySeries } from './anomaly/train.ts'
import type { ModelDeps } from './deps.ts'
import { readingOf } from './features/reading.ts'
import { tableFrom } from './features/table-from.ts'
import { indexAt, timeAt } from './forecast/series.ts'
import { getReady } from './names.ts'
import { findVersion, type VersionRow } from './store.ts'
import type { ModelDefinition } from './schema.ts'
import { readArtefact, type ServedVersion } from './serve.ts'
import { groupsOf, namedKey } from './series/groups.ts'
import type { WatchRow } from './store-watches.ts'

/** Where a watch stands. */
type Stand = Pick<WatchRow, 'version' | 'series' | 'seenMs' | 'toldMs'>

/** What one look found. */
export interface Seen {
  readonly stand: Stand
  readonly alarms: readonly AlarmEvent[]
  /** There are rows left for the next look. */
  readonly more: boolean
}

/** Points that come no more than so many steps after newer ones of other series are seen. */
const lateSteps = 10

/**
 * Reads what the model's own query has of late, as the watch's owner, and follows every series through what is new of it. A
 * point counts once its step is over: an interval that is still being filled has too little in it. What comes after a newer
 * point of its series is passed over, and so is a series that the model was not trained on.
 */
export async function look(deps: ModelDeps, ctx: Context, watch: WatchRow): Promise<Seen> {
  const { db, limits } = deps
  const { version: live } = await getReady(db, watch.workspace, watch.model, 0)
  if (live.version !== watch.version) await checkSameQuery(db, watch, live)
  const stand = live.version === watch.version ? watch : { ...(await beginningOf(deps, live)), toldMs: watch.seenMs }
  const { series, toldMs } = stand
  const { groupBy = [] } = live.definition
  const rows = await read(deps, ctx, live.definition, stand)
  const followed = new Map(series.map((one) => [one.key, one]))
  const alarms: AlarmEvent[] = []
  const now = deps.now()
  let { seenMs } = stand
  for (const { key, times, values } of rows.groups) {
    const known = followed.get(key)
    if (known === undefined) {
      seenMs = Math.max(seenMs, times.findLast((timeMs) => timeMs <= now) ?? seenMs)
      continue
    }
    const follower = follow(known)
    for (const [i, timeMs] of times.entries()) {
      if (timeAt(known, indexAt(known, timeMs) + 1) > now) break
      seenMs = Math.max(seenMs, timeMs)
      const value = values[i]!
      const { isAlarm, isAnomaly: _, ...said } = follower.next(timeMs, value)
      if (!isAlarm || timeMs <= toldMs) continue
      const { model } = watch
      alarms.push({ model, version: live.version, series: namedKey(key, groupBy), timeMs, value, ...said })
    }
    followed.set(key, follower.state())
  }
  const more = rows.count === limits.maxWatchedRows
  if (more && seenMs === stand.seenMs) throw tooMany(rows.count)
  const moved = series.some(({ key, last }) => followed.get(key)!.last !== last)
  return {
    stand: { version: live.version, series: moved ? [...followed.values()] : series, seenMs, toldMs },
    alarms,
    more,
  }
}

/** From where a version's training ended. */
export async function beginningOf(
  { objects, limits }: Pick<ModelDeps, 'objects' | 'limits'>,
  { name, version, engine, sha256 }: ServedVersion['version'],
): Promise<Pick<Stand, 'version' | 'series' | 'seenMs'>> {
  if (engine !== 'anomaly') {
    throw new Failure('request.invalid', `\`${name}\` is no anomaly model, and watches nothing.`, {
      hint: `CREATE MODEL … PREDICT value ORDER BY time USING engine = 'anomaly' trains one.`,
    })
  }
  const file = readAnomaly(await readArtefact({ objects }, sha256))
  const series = file.series.map((one): AnomalySeries => ({ ...one, history: [] }))
  if (JSON.stringify(series).length > limits.maxWatchedBytes) {
    throw new Failure('request.too_large', `\`${name}\` has too many series to be watched: ${series.length}.`, {
      hint: 'Train several models, each of some of the series.',
    })
  }
  return { version, series, seenMs: Math.max(...series.map((one) => timeAt(one, one.last))) }
}

async function read(
  { reading, limits }: ModelDeps,
  ctx: Context,
  { sql, target = '', orderBy = '', groupBy = [] }: ModelDefinition,
  { series, seenMs }: Pick<Stand, 'series' | 'seenMs'>,
) {
  const wanted = new Set([orderBy, target, ...groupBy])
  const columns = await reading.describeSql(ctx, sql)
  const how = readingOf(columns.filter(({ name }) => wanted.has(name)))
  const longest = Math.max(...series.map((one) => timeAt(one, one.last + lateSteps) - timeAt(one, one.last)))
  const from = `fromUnixTimestamp64Milli(toInt64(${seenMs - longest}), 'UTC')`
  const time = quoteOfRows(orderBy)
  const { body } = await reading.readRows(ctx, {
    sql,
    select: how.select,
    format: 'RowBinary',
    maxRows: Infinity,
    seed: 0,
    rest: `WHERE ${time} >= ${from} ORDER BY ${time} LIMIT ${limits.maxWatchedRows}`,
  })
  const bounds = { maxRows: limits.maxWatchedRows, maxBytes: limits.maxEvaluatedBytes }
  const table = await tableFrom(how, body, bounds)
  const groups = table.rows === 0 ? [] : groupsOf(table, { time: orderBy, value: target, by: groupBy })
  return { count: table.rows, groups }
}

function tooMany(rows: number): Failure {
  return new Failure('query.result_too_large', `More than ${rows} rows are of the newest few steps.`, {
    hint: 'Aggregate in the model’s query to one row for each interval and series.',
  })
}

/** A query that somebody else wrote since is not run with the rights of who set the watch. */
async function checkSameQuery(db: ModelDeps['db'], { workspace, model, version }: WatchRow, live: VersionRow) {
  const known = await findVersion(db, workspace, model, version)
  if (known !== undefined && queryOf(known) === queryOf(live)) return
  throw new Failure('auth.scope', `The query of \`${model}\` is another one than when the watch was set.`, {
    hint: `Set it again: SET MODEL ${model} WATCH EVERY …`,
  })
}

function queryOf({ definition: { sql, target, orderBy, groupBy } }: VersionRow): string {
  return JSON.stringify([sql, target, orderBy, groupBy])
}
