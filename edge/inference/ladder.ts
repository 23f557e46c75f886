import { Failure, toFailure } from '#mesh/errors.ts'
import type { Explanation } from '#mesh/inference/explain.ts'
import type { Model, Prediction } from '#mesh/inference/model.ts'
import type { Serving } from '#proto/edgewise/model/v1/model_pb.ts'
import { asCaller, type Background, type Caller } from '../core.ts'
import type { Deps } from '../deps.ts'

/** What a model says of rows, and which step of the ladder said it. */
export interface Predicted extends Pick<Prediction, 'warnings' | 'explanations'> {
  readonly answers: readonly unknown[]
  readonly placement: 'edge' | 'core' | 'fallback'
  /** Why it was not the step that it would have been. */
  readonly fallback?: string
}

export interface Ask {
  readonly rows: readonly unknown[]
  readonly explain: boolean
  readonly caller: Caller
  readonly background: Background
  /** The core does not answer, and what is known is old: only what is here can be used. */
  readonly degraded: boolean
}

const coreMs = 5_000

/**
 * Edge, then core, then what the owner declared: each step is taken only where the one before cannot answer. What is wrong
 * with the rows is wrong on every step.
 */
export async function climb(deps: Pick<Deps, 'models' | 'core'>, serving: Serving, ask: Ask): Promise<Predicted> {
  let failed: Failure | undefined
  if (!serving.coreOnly) {
    try {
      const { caller, background } = ask
      const passenger = { signal: caller.signal, background }
      const work = (model: Model): Prediction => model.predict(ask.rows, { probabilities: true, explain: ask.explain })
      return { ...(await deps.models.use(serving.sha256, passenger, work)), placement: 'edge' }
    } catch (thrown) {
      failed = toFailure(thrown)
      if (!isOfTheModel(failed)) throw failed
    }
  }
  if (!ask.degraded) {
    try {
      return { ...(await inCore(deps, serving, ask)), ...(failed && { fallback: 'edge-failed' }) }
    } catch (thrown) {
      failed = toFailure(thrown)
      if (!isOfTheModel(failed)) throw failed
    }
  }
  return declared(serving, ask, failed)
}

async function inCore({ core }: Pick<Deps, 'core'>, serving: Serving, ask: Ask): Promise<Predicted> {
  const { name, version } = serving
  const rows = ask.rows.map((row) => JSON.stringify(row))
  const answered = await core.model.predict(
    { name, version, rows, explain: ask.explain, recorded: true },
    asCaller(ask.caller, coreMs),
  )
  return {
    answers: answered.answers.map((answer) => JSON.parse(answer) as unknown),
    warnings: answered.warnings.map((warning) => JSON.parse(warning) as Prediction['warnings'][number]),
    ...(ask.explain && { explanations: answered.explanations.map((one) => JSON.parse(one) as Explanation) }),
    placement: 'core',
  }
}

/** A constant, or a refusal with a time to come again. */
function declared({ fallback, name }: Serving, { rows }: Ask, failed: Failure | undefined): Predicted {
  const said = JSON.parse(fallback || 'null') as { readonly kind: string; readonly value?: unknown } | null
  if (said?.kind !== 'constant') {
    throw new Failure('model.unavailable', `\`${name}\` cannot predict now: neither edge nor core can run it.`, {
      retryAfterMs: 2_000,
      cause: failed,
    })
  }
  return {
    answers: rows.map(() => ({ prediction: said.value })),
    warnings: [],
    placement: 'fallback',
    fallback: 'constant',
  }
}

/** Not the caller's doing. */
function isOfTheModel({ status, problem }: Failure): boolean {
  return status >= 500 && problem !== 'limit.overload'
}
