import type { Context } from '../context.ts'
import { type Answer, answerOf } from './answer.ts'
import type { ModelDeps } from './deps.ts'
import { createKnownModels } from './known-models.ts'
import { predictRow } from './predict-row.ts'
import { predictRows, type PredictRowsDeps } from './predict-rows.ts'
import { runStatement } from './run-statement.ts'
import { getServing, isOfSeries, provenance } from './serve.ts'
import type { ModelRead } from './statements/model-read.ts'
import { inStatement } from './statements/place.ts'
import { modelReads } from './statements/model-reads.ts'

/** What SQL about models is answered with: a table that is there, or rows that are yet to be written. */
export type SqlAnswer =
  | {
      readonly kind: 'table'
      readonly columns: readonly { readonly name: string; readonly type: string }[]
      /** Each a JSON object. */
      readonly rows: readonly string[]
      readonly accepted: boolean
      readonly model: string
      readonly format: string | undefined
    }
  | {
      readonly kind: 'rows'
      readonly format: string | undefined
      /** In the engine's name of a format. */
      write(format: string): Promise<{ readonly model: string; readonly body: AsyncIterable<Uint8Array> }>
    }

export type AnswerSql = (
  ctx: Context,
  sql: string,
  params: Readonly<Record<string, string>>,
) => Promise<SqlAnswer | undefined>

/** Answers statements about models, and predictions; undefined: the text is neither, and the warehouse's. */
export function createAnswerSql(deps: ModelDeps & PredictRowsDeps): AnswerSql {
  const known = createKnownModels(deps)
  return async (ctx, sql, params) => {
    const said = await runStatement(deps, ctx, sql)
    if (said !== undefined) {
      known.forget(ctx.actor.workspace)
      return table(said, said.format)
    }
    if (Buffer.byteLength(sql) > deps.limits.maxSqlBytes) return undefined
    const names = await known.of(ctx.actor.workspace)
    const read = names.size === 0 ? undefined : modelReads(sql, (name) => names.has(name))
    if (read === undefined) return undefined
    if (read.explain) return table(await explain(deps, ctx, read), read.format)
    if (read.kind === 'predict_row') return table(await predictRow(deps, ctx, read, params), read.format)
    return {
      kind: 'rows',
      format: read.format,
      async write(format) {
        try {
          const { served, body } = await predictRows(deps, ctx, read, format)
          return { model: provenance(served, 'core'), body }
        } catch (thrown) {
          throw inStatement(thrown, sql, read.from)
        }
      },
    }
  }
}

function table({ columns, rows, accepted = false, model = '' }: Answer, format: string | undefined): SqlAnswer {
  return { kind: 'table', columns, rows: rows.map((row) => JSON.stringify(row)), accepted, model, format }
}

/** Where a model runs, and why. */
async function explain(
  deps: PredictRowsDeps,
  ctx: Context,
  { kind, model: { name, version = 0 } }: ModelRead,
): Promise<Answer> {
  const { version: found, coreOnly } = await getServing(deps, ctx, { name, version })
  const { placement = 'auto' } = found.definition.options
  const edge = `POST /v1/models/${name}/predict runs it at the edge`
  const why = placement === 'core' ? 'its placement is core' : `its file is ${found.bytes} bytes`
  const alone =
    found.engine === 'forecast'
      ? `It is of series: POST /v1/models/${name}/predict asks the core for its forecasts too`
      : 'It is of series: a JOIN and SET MODEL … WATCH judge rows by it'
  const lines = [
    `Model ${name}, version ${found.version} (${found.engine ?? 'unknown'}, ${found.bytes} bytes, SHA-256 ${found.sha256})`,
    kind === 'predict_row'
      ? 'Runs in the core: SQL is answered there'
      : 'Runs in the core, in batches, as the rows stream out of the warehouse',
    isOfSeries(found.engine)
      ? alone
      : coreOnly
        ? `POST /v1/models/${name}/predict runs it in the core too: ${why}`
        : `${edge}: ${why}, which fits there`,
  ]
  return answerOf(
    { explain: 'String' },
    lines.map((line) => ({ explain: line })),
  )
}
