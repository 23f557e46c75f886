import { authorise, type Context } from '../context.ts'
import { type Answer, answerOf } from './answer.ts'
import { cancelTraining } from './cancel-training.ts'
import { createModel } from './create-model.ts'
import type { ModelDeps } from './deps.ts'
import { describeModel, showModels } from './describe-model.ts'
import { dropModel } from './drop-model.ts'
import { evaluateStatement } from './evaluate-statement.ts'
import { checkRetraining, dropSchedule, retrainModel } from './retrain-model.ts'
import { changeRollout, createRollout } from './rollout.ts'
import { setLive } from './set-live.ts'
import { setLog } from './set-log.ts'
import type { Started } from './start-training.ts'
import { parseStatement } from './statements/parse-statement.ts'
import { inStatement } from './statements/place.ts'
import type { ModelStatement } from './statements/statement.ts'
import { dropWatch, setWatch } from './watch.ts'

/** Does what a statement about models says; undefined: the text is none, and the warehouse's. */
export async function runStatement(
  deps: ModelDeps,
  ctx: Context,
  sql: string,
): Promise<(Answer & { readonly format: string | undefined }) | undefined> {
  // The warehouse's gate says what is wrong with it.
  if (Buffer.byteLength(sql) > deps.limits.maxSqlBytes) return undefined
  const statement = parseStatement(sql)
  if (statement === undefined) return undefined
  authorise(ctx, 'sql:read')
  if (statement.kind === 'retrain_model') await checkRetraining(deps, ctx, sql, statement)
  try {
    return { ...(await run(deps, ctx, statement)), format: statement.format }
  } catch (thrown) {
    const part = 'from' in statement ? statement.from : 'gate' in statement ? statement.gate : undefined
    throw part === undefined ? thrown : inStatement(thrown, sql, part)
  }
}

async function run(deps: ModelDeps, ctx: Context, statement: ModelStatement): Promise<Answer> {
  switch (statement.kind) {
    case 'create_model':
      return started(await createModel(deps, ctx, statement))
    case 'retrain_model':
      return started(await retrainModel(deps, ctx, statement))
    case 'show_models':
      return showModels(deps, ctx, statement)
    case 'describe_model':
      return describeModel(deps, ctx, statement)
    case 'drop_model': {
      const { name, version } = statement.model
      const dropped = await dropModel(deps, ctx, statement)
      return answerOf({ model: 'String', version: 'Nullable(UInt32)', dropped: 'Bool' }, [
        { model: name, version: version ?? null, dropped },
      ])
    }
    case 'drop_schedule': {
      const { name } = statement.model
      const dropped = await dropSchedule(deps, ctx, statement)
      return answerOf({ model: 'String', dropped: 'Bool' }, [{ model: name, dropped }])
    }
    case 'set_watch':
      return setWatch(deps, ctx, statement)
    case 'drop_watch': {
      const { name } = statement.model
      const dropped = await dropWatch(deps, ctx, statement)
      return answerOf({ model: 'String', dropped: 'Bool' }, [{ model: name, dropped }])
    }
    case 'set_live': {
      const live = { name: statement.model.name, version: statement.version }
      await setLive(deps, ctx, live)
      return answerOf({ model: 'String', live: 'UInt32' }, [{ model: live.name, live: live.version }])
    }
    case 'set_log': {
      const { share } = statement
      await setLog(deps, ctx, { name: statement.model.name, share })
      return answerOf({ model: 'String', log: 'Float64' }, [{ model: statement.model.name, log: share }])
    }
    case 'cancel_training': {
      const { id, model, version, status } = await cancelTraining(deps, ctx, statement.job)
      return answerOf(startedTypes, [{ model, version, job: id, status }])
    }
    case 'evaluate':
      return evaluateStatement(deps, ctx, statement)
    case 'create_rollout':
      return createRollout(deps, ctx, statement)
    default:
      return changeRollout(deps, ctx, statement)
  }
}

const startedTypes = { model: 'String', version: 'UInt32', job: 'String', status: 'String' }

function started({ model, version, job, status }: Started): Answer {
  return { ...answerOf(startedTypes, [{ model, version, job, status }]), accepted: true }
}
