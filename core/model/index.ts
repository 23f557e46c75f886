import { setTimeout as sleep } from 'node:timers/promises'
import { createServedLog, type Served } from '#mesh/inference/served-log.ts'
import type { Service } from '#mesh/rpc/call.ts'
import type { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import type { GRPCInferenceService } from '#proto/inference/inference_pb.ts'
import { type AnswerSql, createAnswerSql } from './answer-sql.ts'
import type { Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { inferenceService } from './inference-rpc.ts'
import { openLoadedForecasts } from './loaded-forecasts.ts'
import { openLoadedModels } from './loaded-models.ts'
import { jobOf, trainingQueue } from './names.ts'
import { recordPredictions } from './record-predictions.ts'
import { modelService } from './rpc.ts'
import { servedTable } from './served-table.ts'
import { createShadows } from './shadow.ts'
import { sweepArtefacts } from './sweep-artefacts.ts'
import { tendRollouts } from './tend-rollouts.ts'
import { createWatching } from './tend-watches.ts'
import { tendModels } from './tend.ts'
import { trainModel } from './train-model.ts'

export { type ModelsElsewhere, openModelsElsewhere } from './elsewhere.ts'
export { modelLimits } from './limits.ts'

export const migrations = { domain: 'model', folder: new URL('./migrations', import.meta.url) }

export interface ModelDomain {
  readonly service: Service<typeof ModelService>
  readonly inference: Service<typeof GRPCInferenceService>
  /** Answers statements about models, and predictions; undefined: the text is neither, and the warehouse's. */
  readonly answerSql: AnswerSql
  /** What `FROM served(name)` stands for. */
  servedTable(ctx: Context, name: string): Promise<string>
  /** Trains what waits, from now on. */
  start(): Promise<void>
  /** Takes rollouts on or back when their time comes. Called often. */
  tendRollouts(): Promise<void>
  /** Has watches look when their time comes. Called often. */
  tendWatches(): Promise<void>
  /** Begins trainings that are due, and ends what nobody works on any more. Called on a schedule. */
  tend(): Promise<void>
  /** Ends what watches, and its threads. Resolves when what was served is recorded. */
  close(): Promise<void>
}

const heartbeatSeconds = 10
const retries = 2

export function createModel(deps: ModelDeps): ModelDomain {
  const { jobs, limits } = deps
  const loaded = openLoadedModels(deps)
  const shadows = createShadows({ ...deps, loaded })
  const served = createServedLog({
    write: (rows) => recordPredictions({ ...deps, shadows }, rows),
    now: deps.now,
    sleep: (ms) => sleep(ms),
    onDropped: deps.onServedDropped,
  })
  const recording = new Set<Promise<unknown>>()
  const background = {
    waitUntil(work: Promise<unknown>): void {
      const ended = (): void => void recording.delete(work)
      recording.add(work)
      void work.then(ended, ended)
    },
  }
  const predicting = { ...deps, loaded, record: (rows: Served) => served.record(rows, background) }
  const watching = createWatching(deps)
  return {
    service: modelService({ ...predicting, shadows, forecasts: openLoadedForecasts(deps) }),
    inference: inferenceService(predicting),
    answerSql: createAnswerSql(predicting),
    servedTable: (ctx, name) => servedTable({ ...deps, loaded }, ctx, name),
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
      await Promise.allSettled([watching.close(), ...recording])
      await loaded.close()
    },
  }
}
