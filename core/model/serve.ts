import { hash } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import { getsCandidate } from '#mesh/inference/arm.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { artefactKey, getReadyVersion } from './names.ts'
import { findRollout, type VersionRow } from './store.ts'

export interface ServedVersion {
  readonly version: VersionRow & { readonly sha256: string; readonly bytes: number }
  /** It predicts in the core only. */
  readonly coreOnly: boolean
  /** What some of the subjects get instead, while it is rolled out. */
  readonly candidate?: {
    readonly served: ServedVersion
    readonly rollout: string
    /** Of the subjects. */
    readonly percent: number
  }
  /** Which of the two this is, once one was chosen. */
  readonly arm?: 'base' | 'candidate'
}

/** What an edge must know to predict with a model for this caller. */
export async function getServing(
  { db, limits }: Pick<ModelDeps, 'db' | 'limits'>,
  ctx: Context,
  { name, version }: { readonly name: string; readonly version: number },
): Promise<ServedVersion> {
  authorise(ctx, 'models:predict', name)
  const { workspace } = ctx.actor
  const served = servedOf(limits, await getReadyVersion(db, workspace, name, version))
  const rollout = version === 0 ? await findRollout(db, workspace, name) : undefined
  if (rollout === undefined) return served
  const candidate = servedOf(limits, await getReadyVersion(db, workspace, name, rollout.version))
  return { ...served, candidate: { served: candidate, rollout: rollout.id, percent: rollout.steps[rollout.step] ?? 0 } }
}

function servedOf(limits: ModelDeps['limits'], version: ServedVersion['version']): ServedVersion {
  const { placement = 'auto' } = version.definition.options
  const coreOnly = placement === 'core' || version.bytes > limits.maxEdgeBytes || isOfSeries(version.engine)
  return { version, coreOnly }
}

/** The version that a subject gets: the same one each time. */
export function armOf(served: ServedVersion, subject: string): ServedVersion {
  const { candidate } = served
  if (candidate === undefined) return served
  return getsCandidate(candidate.rollout, subject, candidate.percent)
    ? { ...candidate.served, arm: 'candidate' }
    : { ...served, arm: 'base' }
}

/** Forecasts and alarms are read in SQL; they answer no rows. */
export function isOfSeries(engine: string | null): engine is 'forecast' | 'anomaly' {
  return engine === 'forecast' || engine === 'anomaly'
}

/** Fails where a model answers no rows. */
export function refuseSeries({ version: { name, engine } }: ServedVersion): void {
  if (!isOfSeries(engine)) return
  throw new Failure('request.invalid', `\`${name}\` is of series, and predicts for no rows.`, {
    hint: `Read it in SQL: SELECT * FROM ${name}.`,
  })
}

/** A version's file, for edges: those hold what several callers may predict with. */
export async function getArtefact(
  { objects }: Pick<ModelDeps, 'objects'>,
  ctx: Context,
  { sha256 }: { readonly sha256: string },
): Promise<Uint8Array> {
  if (!ctx.actor.scopes.includes('internal:edge')) throw new Failure('auth.scope', 'Only edges may ask for this.')
  if (!/^[\da-f]{64}$/.test(sha256)) throw new Failure('request.invalid', 'This is no SHA-256.')
  return readArtefact({ objects }, sha256)
}

/** The file of this hash, and no other: what a disk has lost or spoilt predicts nothing. */
export async function readArtefact({ objects }: Pick<ModelDeps, 'objects'>, sha256: string): Promise<Uint8Array> {
  const file = await objects.get(artefactKey(sha256))
  if (file !== undefined && hash('sha256', file) === sha256) return file
  const what = file === undefined ? 'not in the object store' : 'damaged'
  throw new Failure('model.unavailable', `The file of the model is ${what}.`, {
    hint: 'Retry; if it stays so, RETRAIN the model.',
    retryAfterMs: 5_000,
  })
}

/** What answered, for whoever asks where an answer came from. */
export function provenance({ version: { name, version, sha256 } }: ServedVersion, placement: 'core' | 'edge'): string {
  return `${name}@${version}; placement=${placement}; sha256=${sha256}`
}
