import { hash } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import { getsCandidate } from '#mesh/inference/arm.ts'
import { authorise, type Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'
import { artefactKey, findPrevious, getReady, type ReadyVersion } from './names.ts'
import { findRollout, type VersionRow } from './store.ts'

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
  /** What answers where this one cannot, if its owner said so. */
  readonly previous?: ServedVersion
  /** Whom it answers, and which of the two it is, once one was chosen. */
  readonly subject?: string
  readonly arm?: 'base' | 'candidate'
  /** Of which rollout. */
  readonly rollout?: string
}

interface Which {
  readonly name: string
  /** 0 is the live one. */
  readonly version: number
  /** An edge may say whose; empty: the caller's. */
  readonly workspace?: string
}

/** What an edge must know to predict with a model, for this caller or for whoever comes. */
export async function getServing(
  { db, limits }: Pick<ModelDeps, 'db' | 'limits'>,
  ctx: Context,
  { name, version, workspace: named = '' }: Which,
): Promise<ServedVersion> {
  const workspace = named || ctx.actor.workspace
  if (workspace === ctx.actor.workspace) authorise(ctx, 'models:predict', name)
  else checkIsEdge(ctx)
  const { model, version: found } = await getReady(db, workspace, name, version)
  const rollout = version === 0 ? await findRollout(db, workspace, name) : undefined
  const recordShare = Math.max(model.logShare, rollout?.status === 'running' ? (rollout.shadow ?? 0) : 0)
  const served = servedOf(limits, found, recordShare)
  if (version !== 0) return served
  const before = fallsBack(served) ? await findPrevious(db, model) : undefined
  const live = before === undefined ? served : { ...served, previous: servedOf(limits, before, recordShare) }
  if (rollout === undefined || rollout.shadow !== null) return live
  const { version: other } = await getReady(db, workspace, name, rollout.version)
  const candidate = servedOf(limits, other, recordShare)
  return {
    ...live,
    candidate: {
      served: fallsBack(candidate) ? { ...candidate, previous: served } : candidate,
      rollout: rollout.id,
      percent: rollout.steps[rollout.step] ?? 0,
    },
  }
}

export function servedOf(limits: ModelDeps['limits'], version: ReadyVersion, recordShare = 0): ServedVersion {
  const { placement = 'auto' } = version.definition.options
  const coreOnly = placement === 'core' || version.bytes > limits.maxEdgeBytes || isOfSeries(version.engine)
  return { version, coreOnly, recordShare: isOfSeries(version.engine) ? 0 : recordShare }
}

function fallsBack({ version: { definition } }: ServedVersion): boolean {
  return definition.options.fallback?.kind === 'previous'
}

/** The version that a subject gets: the same one each time. */
export function armOf(served: ServedVersion, subject: string): ServedVersion {
  const { candidate } = served
  if (candidate === undefined) return { ...served, subject }
  const { rollout, percent } = candidate
  return getsCandidate(rollout, subject, percent)
    ? { ...candidate.served, subject, arm: 'candidate', rollout }
    : { ...served, subject, arm: 'base', rollout }
}

/** What has a time order of its own: their files are no ONNX, and the core answers from them. */
export function isOfSeries(engine: string | null): engine is 'forecast' | 'anomaly' {
  return engine === 'forecast' || engine === 'anomaly'
}

/** Fails where a model answers no rows of features. */
export function refuseSeries({
  version: { name, engine },
}: {
  readonly version: Pick<VersionRow, 'name' | 'engine'>
}): void {
  if (!isOfSeries(engine)) return
  const ahead = engine === 'forecast' ? `, or ask POST /v1/models/${name}/predict for series` : ''
  throw new Failure('request.invalid', `\`${name}\` is of series, and predicts for no rows of features.`, {
    hint: `Read it in SQL: SELECT * FROM ${name}${ahead}.`,
  })
}

/** A version's file, for edges: those hold what several callers may predict with. */
export async function getArtefact(
  { objects }: Pick<ModelDeps, 'objects'>,
  ctx: Context,
  { sha256 }: { readonly sha256: string },
): Promise<Uint8Array> {
  checkIsEdge(ctx)
  if (!/^[\da-f]{64}$/.test(sha256)) throw new Failure('request.invalid', 'This is no SHA-256.')
  return readArtefact({ objects }, sha256)
}

function checkIsEdge({ actor }: Context): void {
  if (!actor.scopes.includes('internal:edge')) throw new Failure('auth.scope', 'Only edges may ask for this.')
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
export function provenance({ version, arm, rollout }: ServedVersion, placement: 'core' | 'edge'): string {
  const of = arm === undefined ? '' : `; arm=${arm}; rollout=${rollout}`
  return `${version.name}@${version.version}; placement=${placement}; sha256=${version.sha256}${of}`
}
