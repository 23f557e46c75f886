import { Failure } from '#mesh/errors.ts'
import { checkName, claimName } from '../config/index.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import type { ModelDefinition } from './schema.ts'
import { checkDefinition, type Started, startTraining } from './start-training.ts'
import { storedOptions } from './stored-options.ts'
import type { CreateModel } from './statements/statement.ts'
import { countModels, findVersion, lockCounts, lockModel } from './store.ts'

/** Makes a model, and asks for its first training; with OR REPLACE its next one, by another definition. */
export async function createModel(deps: ModelDeps, ctx: Context, statement: CreateModel): Promise<Started> {
  const { name } = statement.model
  authorise(ctx, 'models:write', name)
  checkName(name, 'name')
  const definition = definitionOf(statement)
  await checkDefinition(deps, ctx, definition)
  const { workspace } = ctx.actor
  return deps.db.transaction(async (tx) => {
    // First, so that two that make the same one come one after the other.
    await claimName(tx, workspace, name, 'model')
    const held = await lockModel(tx, workspace, name)
    if (held !== undefined && statement.ifNotExists) {
      const version = await findVersion(tx, workspace, name, held.newest)
      return { model: name, version: held.newest, job: version?.job ?? '', status: version?.status ?? '' }
    }
    if (held !== undefined && !statement.orReplace) throw exists(name)
    await lockCounts(tx, workspace)
    if (held === undefined && (await countModels(tx, workspace)) >= deps.limits.maxModels) throw tooMany(deps)
    const model = held ?? {
      workspace,
      name,
      live: null,
      previous: null,
      newest: 0,
      everyMs: null,
      logShare: 0,
      createdAt: new Date(deps.now()),
    }
    return startTraining(deps, tx, ctx, { model: { ...model, definition }, action: 'create_model' })
  })
}

function definitionOf({ from, predict, orderBy, groupBy, window, horizon, options }: CreateModel): ModelDefinition {
  return {
    sql: from.sql,
    ...(predict !== undefined && { target: predict.name }),
    ...(orderBy !== undefined && { orderBy: orderBy.name }),
    ...(groupBy.length > 0 && { groupBy: groupBy.map((name) => name.name) }),
    ...(window !== undefined && { window }),
    ...(horizon !== undefined && { horizon }),
    options: storedOptions(options),
  }
}

function exists(name: string): Failure {
  return new Failure('resource.exists', `There is a model \`${name}\` already.`, {
    hint: `Say RETRAIN ${name} to train it anew, CREATE OR REPLACE MODEL to train it otherwise, or choose another name.`,
  })
}

function tooMany({ limits }: ModelDeps): Failure {
  return new Failure('limit.concurrency', `A workspace has ${limits.maxModels} models at most.`, {
    hint: 'DROP MODEL one that is not needed.',
  })
}
