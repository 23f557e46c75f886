import { Failure } from '#mesh/errors.ts'
import { getsCandidate } from '#mesh/inference/arm.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { artefactKey, getReadyVersion, type ReadyVersion } from './names.ts'
import { findModel, findRollout, type RolloutRow } from './store.ts'

export interface ServedVersion {
  readonly version: ReadyVersion
  /** It predicts in the core only. */
  readonly coreOnly: boolean
  /** Of the rows that it answers: so many are recorded. */
  readonly recordShare: number
  /** What some of the subjects get instead, while it is rolled out. */
  readonly candidate?: {
    readonly served: ServedVersion
    readonly rollout: string
    /** Of the subjects. */
    readonly percent: number
  }
  /** Whom it answers, and which of the two it is, once one was chosen. */
  readonly subject?: string
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
  const ready = await getReadyVersion(db, workspace, name, version)
  const rollout = version === 0 ? await findRollout(db, workspace, name) : undefined
  const recordShare = await recordShareOf({ db }, workspace, name, rollout)
  const served = servedOf(limits, ready, recordShare)
  if (rollout === undefined || rollout.shadow !== null) return served
  const candidate = servedOf(limits, await getReadyVersion(db, workspace, name, rollout.version), recordShare)
  return { ...served, candidate: { served: candidate, rollout: rollout.id, percent: rollout.steps[rollout.step] ?? 0 } }
}

export function servedOf(limits: ModelDeps['limits'], version: ReadyVersion, recordShare = 0): ServedVersion {
  const { placement = 'auto' } = version.definition.options
  const coreOnly = placement === 'core' || version.bytes > limits.maxEdgeBytes || isOfSeries(version.engine)
  return { version, coreOnly, recordShare }
}

/** As many as its owner wants recorded, or else as many as are to be scored in the shadow. */
async function recordShareOf(
  { db }: Pick<ModelDeps, 'db'>,
  workspace: string,
  name: string,
  rollout: RolloutRow | undefined,
): Promise<number> {
  const model = await findModel(db, workspace, name)
  return Math.max(model?.logShare ?? 0, rollout?.status === 'running' ? (rollout.shadow ?? 0) : 0)
}

/** The version that a subject gets: the same one each time. */
export function armOf(served: ServedVersion, subject: string): ServedVersion {
  const { candidate } = served
  if (candidate === undefined) return { ...served, subject }
  return getsCandidate(candidate.rollout, subject, candidate.percent)
    ? { ...candidate.served, subject, arm: 'candidate' }
    : { ...served, subject, arm: 'base' }
}

/** Forecasts and alarms are read in SQL; they answer no rows. */
export function isOfSeries(engine: string | null): engine is 'forecast' | 'anomaly' {
  return engine === 'forecast' || engine === 'anomaly'
}

/** Fails where a model answers no rows. */
export function refuseSeries({ version: { name, engine } }: Pick<ServedVersion, 'version'>): void {
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

export async function readArtefact({ objects }: Pick<ModelDeps, 'objects'>, sha256: string): Promise<Uint8Array> {
  const file = await objects.get(artefactKey(sha256))
  if (file !== undefined) return file
  throw new Failure('model.unavailable', 'The file of the model is not in the object store.', {
    hint: 'Retry; if it stays so, RETRAIN the model.',
    retryAfterMs: 5_000,
  })
}

/** What answered, for whoever asks where an answer came from. */
export function provenance({ version: { name, version, sha256 } }: ServedVersion, placement: 'core' | 'edge'): string {
  return `${name}@${version}; placement=${placement}; sha256=${sha256}`
}
