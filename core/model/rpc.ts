import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import {
  ArtefactChunkSchema,
  DeleteModelResponseSchema,
  type Job,
  JobSchema,
  ListModelsResponseSchema,
  ListVersionsResponseSchema,
  type Model,
  ModelSchema,
  type ModelService,
  PredictResponseSchema,
  type Serving,
  ServingSchema,
  type Version,
  VersionSchema,
  WritePredictionsResponseSchema,
} from '#proto/edgewise/model/v1/model_pb.ts'
import { contextOf } from '../context.ts'
import { cancelTraining, getJob } from './cancel-training.ts'
import type { ModelDeps } from './deps.ts'
import { dropModel } from './drop-model.ts'
import { modelsPage, oneModel, oneVersion, versionsPage } from './pages.ts'
import { type ForecastDeps, getSignature, predict, type PredictDeps } from './predict.ts'
import { type RecordDeps, writePredictions } from './record-predictions.ts'
import type { Recording } from './record-served.ts'
import { getArtefact, getServing, provenance, type ServedVersion } from './serve.ts'

type ModelOf = Awaited<ReturnType<typeof oneModel>>
type VersionOf = Awaited<ReturnType<typeof oneVersion>>['version']
type JobOf = Awaited<ReturnType<typeof getJob>>

const chunkBytes = 256 * 1024

interface RpcDeps extends ModelDeps, PredictDeps, ForecastDeps, Recording, RecordDeps {}

export function modelService(deps: RpcDeps): Service<typeof ModelService> {
  return {
    async listModels(request, call) {
      const { rows, nextCursor } = await modelsPage(deps, contextOf(call), request)
      return create(ListModelsResponseSchema, { models: rows.map(modelMessage), nextCursor })
    },
    async getModel({ name }, call) {
      return modelMessage(await oneModel(deps, contextOf(call), name))
    },
    async listVersions(request, call) {
      const { model, rows, nextCursor } = await versionsPage(deps, contextOf(call), request)
      return create(ListVersionsResponseSchema, {
        versions: rows.map((version) => versionMessage(version, model, false)),
        nextCursor,
      })
    },
    async getVersion(request, call) {
      const { model, version } = await oneVersion(deps, contextOf(call), request)
      return versionMessage(version, model, true)
    },
    async deleteModel({ name }, call) {
      const model = { name, version: undefined, start: 0, end: 0 }
      await dropModel(deps, contextOf(call), { model, ifExists: false })
      return create(DeleteModelResponseSchema)
    },
    async getJob({ id }, call) {
      return jobMessage(await getJob(deps, contextOf(call), id))
    },
    async cancelJob({ id }, call) {
      return jobMessage(await cancelTraining(deps, contextOf(call), id))
    },
    async predict({ name, version, rows, explain, subject, recorded, horizon }, call) {
      const what = { rows: rows.map(rowOf), explain, horizon, recorded }
      const input = { name, version, ...what, ...(subject !== '' && { subject }) }
      const { answers, warnings, explanations = [], served } = await predict(deps, contextOf(call), input)
      call.trailers.set('edgewise-model', provenance(served, 'core'))
      return create(PredictResponseSchema, {
        answers: answers.map((answer) => JSON.stringify(answer)),
        warnings: warnings.map((warning) => JSON.stringify(warning)),
        explanations: explanations.map((explanation) => JSON.stringify(explanation)),
        version: served.version.version,
        sha256: served.version.sha256,
        arm: served.arm ?? '',
      })
    },
    async getServing(request, call) {
      return servingMessage(await getServing(deps, contextOf(call), request))
    },
    getSignature: (request, call) => getSignature(deps, contextOf(call), request),
    async *getArtefact(request, call) {
      const file = await getArtefact(deps, contextOf(call), request)
      for (let at = 0; at < file.length; at += chunkBytes) {
        yield create(ArtefactChunkSchema, { bytes: file.subarray(at, at + chunkBytes) })
      }
    },
    async writePredictions({ predictions }, call) {
      await writePredictions(deps, contextOf(call), predictions)
      return create(WritePredictionsResponseSchema)
    },
  }
}

function servingMessage({ version, coreOnly, candidate, previous, recordShare }: ServedVersion): Serving {
  return create(ServingSchema, {
    name: version.name,
    version: version.version,
    sha256: version.sha256,
    bytes: BigInt(version.bytes),
    coreOnly,
    recordShare,
    fallback: JSON.stringify(version.definition.options.fallback ?? null),
    ...(candidate && {
      candidate: {
        serving: servingMessage(candidate.served),
        rollout: candidate.rollout,
        percent: candidate.percent,
      },
    }),
    ...(previous && { previous: servingMessage(previous) }),
  })
}

function rowOf(text: string, at: number): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Failure('request.invalid', `Row ${at} is not JSON.`, {
      errors: [{ pointer: `rows/${at}`, reason: 'not JSON' }],
    })
  }
}

function modelMessage({ name, live, newest, definition, everyMs, createdAt }: ModelOf): Model {
  return create(ModelSchema, {
    name,
    live: live ?? 0,
    newest,
    target: definition.target ?? '',
    sql: definition.sql,
    engine: definition.options.engine ?? 'auto',
    createdAt: timestampFromMs(createdAt.getTime()),
    description: definition.options.description ?? '',
    everyMs: BigInt(everyMs ?? 0),
  })
}

function versionMessage(row: VersionOf, model: ModelOf, withCard: boolean): Version {
  return create(VersionSchema, {
    name: row.name,
    version: row.version,
    status: row.status,
    live: row.version === model.live,
    job: row.job,
    sha256: row.sha256 ?? '',
    bytes: BigInt(row.bytes ?? 0),
    card: withCard && row.card !== null ? JSON.stringify(row.card) : '',
    createdAt: timestampFromMs(row.createdAt.getTime()),
    engine: row.engine ?? '',
  })
}

function jobMessage(job: JobOf): Job {
  const { id, model, version, status, phase, percent, errorCode, error, createdAt, startedAt, endedAt } = job
  return create(JobSchema, {
    id,
    model,
    version,
    status,
    phase,
    percent,
    errorCode,
    error,
    createdAt: timestampFromMs(createdAt.getTime()),
    ...(startedAt !== null && { startedAt: timestampFromMs(startedAt.getTime()) }),
    ...(endedAt !== null && { endedAt: timestampFromMs(endedAt.getTime()) }),
  })
}
