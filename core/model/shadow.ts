import { toFailure } from '#mesh/errors.ts'
import type { Prediction } from '#mesh/inference/model.ts'
import type { ModelDeps } from './deps.ts'
import type { LoadedModels } from './loaded-models.ts'
import { getReady } from './names.ts'
import { predictWith } from './predict.ts'
import { type ServedVersion, servedOf } from './serve.ts'
import { type Asked, type Compared, predictionOf } from './served-row.ts'
import { findModel, findRollout } from './store.ts'

export interface ShadowDeps extends Pick<ModelDeps, 'db' | 'limits' | 'onShadowSkipped'> {
  readonly loaded: LoadedModels
  /** From 0 to 1. */
  readonly random?: () => number
}

type Said = Prediction['answers'][number]

/** Rows in one call of each version: few enough that nobody else waits for it. */
const chunkRows = 64

export type Shadows = ReturnType<typeof createShadows>

/**
 * Scores rows that were answered with the version in the shadow, after the answer and in the core, wherever that was given:
 * an edge has neither the memory nor the time for a second model. So many rows at once, and no more.
 */
export function createShadows({ random = Math.random, ...deps }: ShadowDeps) {
  let underWay = 0
  let calls = 0

  /** Whoever goes second finds the rows in the processor's cache: they take turns. */
  async function both(base: ServedVersion, candidate: ServedVersion, rows: readonly Asked[]) {
    if (calls++ % 2 === 0) return { live: await timed(deps, base, rows), other: await timed(deps, candidate, rows) }
    const other = await timed(deps, candidate, rows)
    return { live: await timed(deps, base, rows), other }
  }

  async function score(base: ServedVersion, candidate: ServedVersion, rows: readonly Asked[]) {
    const compared = new Map<Asked, Compared>()
    for (let from = 0; from < rows.length; from += chunkRows) {
      const chunk = rows.slice(from, from + chunkRows)
      const { live, other } = await both(base, candidate, chunk)
      for (const [at, row] of chunk.entries()) {
        compared.set(row, comparedOf(candidate.version.version, row, other.said[at]!, other.us, live.us))
      }
      // Others of this process have their turn.
      await new Promise(setImmediate)
    }
    return compared
  }

  return {
    /** Of some of the rows, which are all of one model: what the version in its shadow says; nothing where none is. */
    async compare(workspace: string, name: string, rows: readonly Asked[]): Promise<ReadonlyMap<Asked, Compared>> {
      const rollout = await findRollout(deps.db, workspace, name)
      if (rollout === undefined || rollout.shadow === null || rollout.status !== 'running') return new Map()
      const model = await findModel(deps.db, workspace, name)
      // The rows are a sample by the larger of two shares.
      const share = rollout.shadow / Math.max(rollout.shadow, model?.logShare ?? 0)
      const wanted = rows.filter(
        ({ row }) => row.version === rollout.base && row.placement !== 'fallback' && random() < share,
      )
      const room = Math.max(0, deps.limits.maxShadowed - underWay)
      const picked = wanted.slice(0, room)
      if (wanted.length > picked.length) deps.onShadowSkipped(wanted.length - picked.length)
      if (picked.length === 0) return new Map()
      underWay += picked.length
      try {
        const [base, candidate] = await Promise.all(
          [rollout.base, rollout.version].map(async (version) =>
            servedOf(deps.limits, (await getReady(deps.db, workspace, name, version)).version),
          ),
        )
        return await score(base!, candidate!, picked)
      } catch (thrown) {
        const failed = { version: rollout.version, prediction: '', error: toFailure(thrown).problem }
        return new Map(picked.map((row) => [row, failed]))
      } finally {
        underWay -= picked.length
      }
    },
  }
}

type Outcome = Said | { readonly error: string }

/** What a version says of rows, and the microseconds that one of them took. */
async function timed(
  deps: ShadowDeps,
  served: ServedVersion,
  rows: readonly Asked[],
): Promise<{ readonly said: readonly Outcome[]; readonly us?: number }> {
  const features = rows.map((row) => row.features)
  try {
    // Loading it is not predicting.
    await deps.loaded.use(served.version.sha256, () => undefined)
    const started = performance.now()
    const { answers } = await predictWith(deps, served, { rows: features, explain: false })
    return { said: answers, us: ((performance.now() - started) * 1000) / rows.length }
  } catch (thrown) {
    const { problem } = toFailure(thrown)
    if (problem !== 'request.invalid' || rows.length === 1) return { said: rows.map(() => ({ error: problem })) }
    // One that it does not take is not the others' fault.
    const said: Outcome[] = []
    for (const row of rows) said.push(...(await timed(deps, served, [row])).said)
    return { said }
  }
}

function comparedOf(
  version: number,
  { answer }: Asked,
  said: Outcome,
  us: number | undefined,
  liveUs: number | undefined,
): Compared {
  if ('error' in said) return { version, prediction: '', error: said.error }
  const served = predictionOf(answer)
  const { probabilities } = said
  return {
    version,
    prediction: predictionOf(said),
    ...(probabilities && { probability: Object.hasOwn(probabilities, served) ? probabilities[served]! : 0 }),
    ...(us !== undefined && { us }),
    ...(liveUs !== undefined && { liveUs }),
    error: '',
  }
}
