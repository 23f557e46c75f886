import { Failure, toFailure } from '#mesh/errors.ts'
import type { Explanation } from '#mesh/inference/explain.ts'
import type { Model, Prediction } from '#mesh/inference/model.ts'
import type { Serving } from '#proto/edgewise/model/v1/model_pb.ts'
import { asCaller, type Background, type Caller } from '../core.ts'
import type { Deps } from '../deps.ts'

/** What a model says of rows, and which step of the ladder said it. */
export interface Predicted extends Pick<Prediction, 'warnings' | 'explanations'> {
  readonly answers: readonly unknown[]
  /** The version that answered. */
  readonly serving: Serving
  readonly placement: 'edge' | 'core' | 'fallback'
  /** Why it was not the step that it would have been. */
  readonly fallback?: 'edge-failed' | 'edge-slow' | 'previous' | 'constant'
}

export interface Rows {
  readonly rows: readonly unknown[]
  readonly explain: boolean
  /** Steps of a forecast; 0: all. Only the core knows of steps. */
  readonly horizon: number
}

export interface Ask extends Rows {
  readonly caller: Caller
  readonly background: Background
  /** The core does not answer, and what is known is old: only what is here can be used. */
  readonly degraded: boolean
}

type LadderDeps = Pick<Deps, 'models' | 'core' | 'sleep'>

/** For a file that is not here yet. It goes on coming for whoever asks next. */
const edgeMs = 3_000
const coreMs = 5_000

/**
 * Edge, then core, then what the owner declared: each step is taken only where the one before cannot answer in its time.
 * What is wrong with the rows is wrong on every step.
 */
export async function climb(deps: LadderDeps, serving: Serving, ask: Ask): Promise<Predicted> {
  let failed: Failure | undefined
  if (isForEdge(serving, ask)) {
    try {
      const said = await atEdge(deps, serving, ask)
      if (said !== undefined) return said
      failed = late(serving)
    } catch (thrown) {
      failed = toFailure(thrown)
      if (!isOfTheModel(failed)) throw failed
    }
  }
  const why = failed && ({ fallback: failed.problem === 'limit.deadline' ? 'edge-slow' : 'edge-failed' } as const)
  if (!ask.degraded) {
    try {
      return { ...(await inCore(deps, serving, ask)), ...why }
    } catch (thrown) {
      failed = toFailure(thrown)
      if (!isOfTheModel(failed)) throw failed
    }
  }
  return declared(deps, serving, ask, failed)
}

/** The first step where nobody has to wait for it; undefined: the file is not here, or the core is to answer. */
export function predictHere({ models }: Pick<Deps, 'models'>, serving: Serving, rows: Rows): Predicted | undefined {
  if (!isForEdge(serving, rows)) return undefined
  const said = models.useHere(serving.sha256, predictionOf(rows))
  return said && { ...said, serving, placement: 'edge' }
}

function isForEdge({ coreOnly }: Serving, { horizon }: Rows): boolean {
  return !coreOnly && horizon === 0
}

function predictionOf({ rows, explain }: Rows): (model: Model) => Prediction {
  return (model) => model.predict(rows, { probabilities: true, explain })
}

/** Undefined: not in its time. */
async function atEdge(deps: LadderDeps, serving: Serving, ask: Ask): Promise<Predicted | undefined> {
  const here = predictHere(deps, serving, ask)
  if (here !== undefined) return here
  const { caller, background } = ask
  const coming = deps.models.use(serving.sha256, { signal: caller.signal, background }, predictionOf(ask))
  const said = await Promise.race([coming, deps.sleep(edgeMs).then(() => undefined)])
  return said && { ...said, serving, placement: 'edge' }
}

async function inCore({ core }: LadderDeps, serving: Serving, ask: Ask): Promise<Predicted> {
  const { name, version } = serving
  const { explain, horizon } = ask
  const rows = ask.rows.map((row) => JSON.stringify(row))
  const asked = { name, version, rows, explain, horizon, recorded: true }
  const answered = await core.model.predict(asked, asCaller(ask.caller, coreMs))
  return {
    answers: answered.answers.map((answer) => JSON.parse(answer) as unknown),
    warnings: answered.warnings.map((warning) => JSON.parse(warning) as Prediction['warnings'][number]),
    ...(explain && { explanations: answered.explanations.map((one) => JSON.parse(one) as Explanation) }),
    serving,
    placement: 'core',
  }
}

/** The previous version where its file is here, a constant, or a refusal with a time to come again. */
function declared(deps: LadderDeps, serving: Serving, ask: Ask, failed: Failure | undefined): Predicted {
  const { fallback, name, previous } = serving
  const before = previous && byPrevious(deps, previous, ask)
  if (before !== undefined) return { ...before, fallback: 'previous' }
  const said = JSON.parse(fallback || 'null') as { readonly kind: string; readonly value?: unknown } | null
  if (said?.kind !== 'constant') {
    throw new Failure('model.unavailable', `\`${name}\` cannot predict now: neither edge nor core can run it.`, {
      retryAfterMs: 2_000,
      cause: failed,
    })
  }
  const answers = ask.rows.map(() => ({ prediction: said.value }))
  return { answers, warnings: [], serving, placement: 'fallback', fallback: 'constant' }
}

/** Undefined where it cannot answer either: rows for the one version need not be rows for the other. */
function byPrevious(deps: LadderDeps, previous: Serving, ask: Ask): Predicted | undefined {
  try {
    return predictHere(deps, previous, ask)
  } catch {
    return undefined
  }
}

function late({ name }: Serving): Failure {
  return new Failure('limit.deadline', `The file of \`${name}\` did not come within ${edgeMs} ms.`)
}

/** Not the caller's doing. */
function isOfTheModel({ status, problem }: Failure): boolean {
  return status >= 500 && problem !== 'limit.overload'
}
