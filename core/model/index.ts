import type { Service } from '#mesh/rpc/call.ts'
import type { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { type AnswerSql, createAnswerSql } from './answer-sql.ts'
import type { ModelDeps } from './deps.ts'
import { openLoadedModels } from './loaded-models.ts'
import { jobOf, trainingQueue } from './names.ts'
import { modelService } from './rpc.ts'
import { sweepArtefacts } from './sweep-artefacts.ts'
import { tendRollouts } from './tend-rollouts.ts'
import { createWatching } from './tend-watches.ts'
import { tendModels } from './tend.ts'
import { trainModel } from './train-model.ts'

export { modelLimits } from './limits.ts'

export const migrations = { domain: 'model', folder: new URL('./migrations', import.meta.url) }

export interface ModelDomain {
  readonly service: Service<typeof ModelService>
  /** Answers statements about models, and predictions; undefined: the text is neither, and the warehouse's. */
  readonly answerSql: AnswerSql
  /** Trains what waits, from now on. */
  start(): Promise<void>
  /** Takes rollouts on or back when their time comes. Called often. */
  tendRollouts(): Promise<void>
  /** Has watches look when their time comes. Called often. */
  tendWatches(): Promise<void>
  /** Begins trainings that are due, and ends what nobody works on any more. Called on a schedule. */
  tend(): Promise<void>
  /** Ends what watches, and its threads. */
  close(): Promise<void>
}

const heartbeatSeconds = 10
const retries = 2

export function createModel(deps: ModelDeps): ModelDomain {
  const { jobs, limits } = deps
  const loaded = openLoadedModels(deps)
  const watching = createWatching(deps)
  return {
    service: modelService({ ...deps, loaded }),
    answerSql: createAnswerSql({ ...deps, loaded }),
    start: () =>
      jobs.work(
        trainingQueue,
        { retries, heartbeatSeconds, concurrency: limits.trainings, concurrencyOfGroup: limits.trainingsOfWorkspace },
        (task, signal) => trainModel(deps, jobOf(task), signal),
      ),
    tendRollouts: () => tendRollouts(deps),
    tendWatches: watching.tend,
    async tend() {
      await tendModels(deps)
      await sweepArtefacts(deps)
    },
    async close() {
      await watching.close()
      await loaded.close()
    },
  }
}
