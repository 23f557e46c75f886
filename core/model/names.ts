import { randomUUID } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import type { ControlDb } from '../storage/control.ts'
import { findModel, findVersion, listModels, type ModelRow, type VersionRow } from './store.ts'

/** The queue that trainings wait in. */
export const trainingQueue = 'training'

export function newJobId(): string {
  return `job_${randomUUID().replaceAll('-', '')}`
}

/** A job's id as the queue has it. */
export function taskId(job: string): string {
  const hex = job.slice('job_'.length)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

export function jobOf(task: string): string {
  return `job_${task.replaceAll('-', '')}`
}

/** Where a version's file is kept. By its contents: versions that are the same share one, whoever's they are. */
export function artefactKey(sha256: string): string {
  return `models/${sha256}`
}

export function noModel(name: string, version = 0): Failure {
  const which = version === 0 ? `model \`${name.slice(0, 64)}\`` : `version ${version} of the model \`${name}\``
  return new Failure('model.not_found', `There is no ${which}.`)
}

export async function getModel(db: ControlDb, workspace: string, name: string): Promise<ModelRow> {
  const model = await findModel(db, workspace, name)
  if (model !== undefined) return model
  const near = closest(
    name,
    (await listModels(db, workspace, { limit: 1_000 })).map((row) => row.name),
  )
  throw near === undefined
    ? noModel(name)
    : new Failure('model.not_found', `There is no model \`${name.slice(0, 64)}\`.`, {
        hint: `Did you mean \`${near}\`?`,
      })
}

export type ReadyVersion = VersionRow & { readonly sha256: string; readonly bytes: number }

/** A version that can predict; 0 is the live one. */
export async function getReadyVersion(
  db: ControlDb,
  workspace: string,
  name: string,
  version: number,
): Promise<ReadyVersion> {
  const model = await getModel(db, workspace, name)
  const wanted = version === 0 ? model.live : version
  const found = wanted === null ? undefined : await findVersion(db, workspace, name, wanted)
  if (found === undefined && version !== 0) throw noModel(name, version)
  if (!isReady(found)) throw notReady(model, found)
  return found
}

function isReady(version: VersionRow | undefined): version is ReadyVersion {
  return version?.status === 'ready' && version.sha256 !== null && version.bytes !== null
}

function notReady(model: ModelRow, version: VersionRow | undefined): Failure {
  const which = version === undefined ? `\`${model.name}\`` : `Version ${version.version} of \`${model.name}\``
  const why = version === undefined ? 'has no version that predicts yet' : `is ${version.status}`
  return new Failure('model.not_found', `${which} ${why}.`, {
    hint: `DESCRIBE MODEL ${model.name}.jobs says how its trainings stand; SET MODEL ${model.name} LIVE <version> takes one that is ready.`,
  })
}
