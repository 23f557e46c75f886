import { authorise, type Context } from '../context.ts'
import { type Answer, answerOf } from './answer.ts'
import type { ModelDeps } from './deps.ts'
import { getModel, noModel } from './names.ts'
import { shownRollouts } from './rollout.ts'
import { shadowReport } from './shadow-report.ts'
import type { PredictionCard } from './train/card.ts'
import type { DescribeModel, ShowModels } from './statements/statement.ts'
import { findWatch, type WatchRow } from './store-watches.ts'
import { intervalText } from './statements/interval.ts'
import { shownWatch } from './watch.ts'
import {
  findVersion,
  listJobs,
  listModels,
  listRollouts,
  listVersions,
  type ModelRow,
  type VersionRow,
} from './store.ts'

const maxShown = 1_000

/** SHOW MODELS: a row for each, with its newest version. */
export async function showModels({ db }: Pick<ModelDeps, 'db'>, ctx: Context, { like }: ShowModels): Promise<Answer> {
  authorise(ctx, 'models:read')
  const { workspace } = ctx.actor
  const models = await listModels(db, workspace, { limit: maxShown, ...(like !== undefined && { pattern: like }) })
  const rows = await Promise.all(
    models.map(async (model) => {
      const newest = await findVersion(db, workspace, model.name, model.newest)
      return {
        name: model.name,
        live: model.live,
        newest: model.newest,
        status: newest?.status ?? '',
        engine: newest?.engine ?? model.definition.options.engine ?? 'auto',
        target: model.definition.target ?? '',
        created_at: model.createdAt.toISOString(),
      }
    }),
  )
  return answerOf(
    {
      name: 'String',
      live: 'Nullable(UInt32)',
      newest: 'UInt32',
      status: 'String',
      engine: 'String',
      target: 'String',
      created_at: "DateTime64(3, 'UTC')",
    },
    rows,
  )
}

/** DESCRIBE MODEL: one aspect of the live version, or of the one that is named, or else of the newest. */
export async function describeModel(
  deps: Pick<ModelDeps, 'db' | 'reading'>,
  ctx: Context,
  { model: { name, version }, aspect }: DescribeModel,
): Promise<Answer> {
  authorise(ctx, 'models:read')
  const { db } = deps
  const { workspace } = ctx.actor
  const model = await getModel(db, workspace, name)
  const wanted = version ?? model.live ?? model.newest
  const found = await findVersion(db, workspace, name, wanted)
  if (found === undefined) throw noModel(name, wanted)
  if (aspect === 'rollouts') return shownRollouts(await listRollouts(db, workspace, name, maxShown))
  if (aspect === 'shadow') return shadowReport(deps, ctx, name)
  if (aspect === 'jobs') return jobsOf(deps, workspace, name)
  if (aspect === 'watch') return shownWatch(await findWatch(db, workspace, name))
  if (aspect === 'info') {
    const versions = await listVersions(db, workspace, name, { limit: maxShown })
    return infoOf(model, found, versions, await findWatch(db, workspace, name))
  }
  const card = found.card ?? {}
  if (aspect === 'card') return answerOf({ card: 'String' }, [{ card: JSON.stringify(card) }])
  return aspect === 'metrics' ? metricsOf(card) : featuresOf(card)
}

type CardLike = Readonly<Record<string, unknown>>

/** As the held-out rows say. */
function metricsOf(card: CardLike): Answer {
  if (card['task'] === 'forecast') return seriesOf(card)
  const holdout = card['holdout'] as PredictionCard['holdout'] | undefined
  const baseline: Readonly<Record<string, number>> = holdout?.baseline.metrics ?? {}
  const rows = Object.entries(holdout?.metrics ?? {}).map(([metric, value]) => ({
    metric,
    value,
    baseline: baseline[metric] ?? null,
  }))
  return answerOf({ metric: 'String', value: 'Nullable(Float64)', baseline: 'Nullable(Float64)' }, rows)
}

/** As a rolling backtest says, of each series. */
function seriesOf(card: CardLike): Answer {
  const all = card['series'] as readonly Readonly<Record<string, unknown>>[]
  const number = 'Nullable(Float64)'
  const types = { mase: number, baseline_mase: number, rmse: number, baseline_rmse: number }
  return answerOf(
    { series: 'String', methods: 'String', ...types, coverage_80: number, coverage_95: number },
    all.map((one) => {
      const coverage = one['coverage'] as { readonly of80: number; readonly of95: number } | undefined
      return {
        ...Object.fromEntries(Object.keys(types).map((name) => [name, one[name] ?? null])),
        series: (one['series'] as readonly string[]).join(', '),
        methods: (one['methods'] as readonly string[]).join(', '),
        coverage_80: coverage?.of80 ?? null,
        coverage_95: coverage?.of95 ?? null,
      }
    }),
  )
}

/** What is asked for and how much it matters, then what was found in the columns. */
function featuresOf(card: CardLike): Answer {
  const { inputs = [], notes = [], holdout } = card as Partial<PredictionCard>
  const notesOf = (column: string): string =>
    notes
      .filter((note) => note.column === column)
      .map(({ finding, action }) => `${finding}: ${action}`)
      .join('; ')
  const left = new Set(notes.map(({ column }) => column).filter((column) => !inputs.includes(column)))
  const rows = [
    ...inputs.map((column) => ({
      column,
      used: true,
      importance: holdout?.importance.find((one) => one.column === column)?.loss ?? null,
      note: notesOf(column),
    })),
    ...Array.from(left, (column) => ({ column, used: false, importance: null, note: notesOf(column) })),
  ]
  return answerOf({ column: 'String', used: 'Bool', importance: 'Nullable(Float64)', note: 'String' }, rows)
}

function infoOf(
  { live, everyMs, logShare }: ModelRow,
  version: VersionRow,
  versions: readonly VersionRow[],
  watch: WatchRow | undefined,
): Answer {
  const { definition, card } = version
  const properties: Readonly<Record<string, unknown>> = {
    name: version.name,
    version: version.version,
    status: version.status,
    live: live === version.version,
    versions: versions.map((one) => `${one.version} ${one.status}`).join(', '),
    engine: version.engine ?? definition.options.engine ?? 'auto',
    target: definition.target,
    sql: definition.sql.trim(),
    options: JSON.stringify(definition.options),
    every: everyMs === null ? undefined : `${everyMs / 60_000} minutes`,
    log: logShare,
    watch: watch && `${watch.status}, every ${intervalText(watch.everyMs)}, ${watch.alarms} alarms`,
    rows: card?.['rows'],
    beats_baseline: version.beatsBaseline,
    sha256: version.sha256,
    bytes: version.bytes,
    description: definition.options.description,
    license: definition.options.license,
    tags: definition.options.tags?.join(', '),
    created_at: version.createdAt.toISOString(),
  }
  const rows = Object.entries(properties)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([property, value]) => ({ property, value: String(value) }))
  return answerOf({ property: 'String', value: 'String' }, rows)
}

async function jobsOf({ db }: Pick<ModelDeps, 'db'>, workspace: string, name: string): Promise<Answer> {
  const time = "Nullable(DateTime64(3, 'UTC'))"
  const rows = (await listJobs(db, workspace, name, maxShown)).map((job) => ({
    job: job.id,
    version: job.version,
    status: job.status,
    phase: job.phase,
    percent: job.percent,
    error: job.error,
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    ended_at: job.endedAt?.toISOString() ?? null,
  }))
  return answerOf(
    {
      job: 'String',
      version: 'UInt32',
      status: 'String',
      phase: 'String',
      percent: 'UInt8',
      error: 'String',
      created_at: time,
      started_at: time,
      ended_at: time,
    },
    rows,
  )
}
