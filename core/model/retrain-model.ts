import { Failure } from '#mesh/errors.ts'
import { record } from '../audit/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { getModel, noModel } from './names.ts'
import { checkDefinition, type Started, startTraining } from './start-training.ts'
import { storedOptions } from './stored-options.ts'
import type { ModelDefinition, StoredOptions } from './schema.ts'
import { candidatesOf, checkClauses, type Clause, isHeard } from './statements/check-clauses.ts'
import type { OptionName } from './statements/options.ts'
import type { DropSchedule, RetrainModel } from './statements/statement.ts'
import { lockModel, upsertModel } from './store.ts'

/** Fails, with its place in the text, where what USING says does not go with what the model was made with. */
export async function checkRetraining(
  { db }: Pick<ModelDeps, 'db'>,
  ctx: Context,
  sql: string,
  { model: { name }, options, spans }: RetrainModel,
): Promise<void> {
  authorise(ctx, 'models:write', name)
  const { definition } = await getModel(db, ctx.actor.workspace, name)
  const end = spans.engine ?? { start: 0 }
  const given = new Map(clausesOf(definition).map((clause) => [clause, end]))
  const { engine = definition.options.engine } = options
  checkClauses(sql, { end, given, engine, using: { options, spans } })
}

function clausesOf({ target, orderBy, groupBy, window, horizon }: ModelDefinition): readonly Clause[] {
  const said = { PREDICT: target, 'ORDER BY': orderBy, 'GROUP BY': groupBy, WINDOW: window, HORIZON: horizon }
  return (Object.keys(said) as Clause[]).filter((clause) => said[clause] !== undefined)
}

/** With another engine, what was said to the one of before falls away. */
function optionsOf({ options, horizon }: ModelDefinition, said: StoredOptions): StoredOptions {
  const all = { ...options, ...said }
  const candidates = candidatesOf(all.engine, horizon !== undefined)
  return Object.fromEntries(Object.entries(all).filter(([name]) => isHeard(name as OptionName, candidates)))
}

/** Asks for a model's next version, by the definition of the last one and what the statement says otherwise. */
export async function retrainModel(deps: ModelDeps, ctx: Context, statement: RetrainModel): Promise<Started> {
  const { name } = statement.model
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  const known = await getModel(deps.db, workspace, name)
  const changed = {
    ...(statement.from !== undefined && { sql: statement.from.sql }),
    options: optionsOf(known.definition, storedOptions(statement.options)),
  }
  await checkDefinition(deps, ctx, { ...known.definition, ...changed })
  return deps.db.transaction(async (tx) => {
    const held = await lockModel(tx, workspace, name)
    if (held === undefined) throw noModel(name)
    // EVERY 0 ends the schedule.
    const everyMs = statement.everyMs === undefined ? held.everyMs : statement.everyMs || null
    const model = { ...held, everyMs, definition: { ...held.definition, ...changed } }
    return startTraining(deps, tx, ctx, { model, action: 'retrain_model' })
  })
}

/** Ends what RETRAIN … EVERY began; false: there was nothing to end, and IF EXISTS allows it. */
export async function dropSchedule(
  { db }: Pick<ModelDeps, 'db'>,
  ctx: Context,
  { model: { name }, ifExists }: DropSchedule,
): Promise<boolean> {
  authorise(ctx, 'models:write', name)
  const { workspace } = ctx.actor
  return db.transaction(async (tx) => {
    const held = await lockModel(tx, workspace, name)
    if (held !== undefined && held.everyMs !== null) {
      await upsertModel(tx, { ...held, everyMs: null })
      await record(tx, ctx, { action: 'drop_schedule', resource: `model/${name}` })
      return true
    }
    if (ifExists) return false
    if (held === undefined) throw noModel(name)
    throw new Failure('resource.not_found', `\`${name}\` is not trained by a schedule.`, {
      hint: `RETRAIN ${name} EVERY 1 DAYS makes one.`,
    })
  })
}
