import { fromBinary } from '@bufbuild/protobuf'
import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { ModelProtoSchema } from '#proto/onnx/onnx_pb.ts'
import { Failure } from '../errors.ts'
import { type Answer, type AnswerOptions, answersFrom } from './answers.ts'
import { type Explainer, type Explanation, openExplainer } from './explain.ts'
import { createFeeder, type Warning } from './feeds.ts'
import type { Ort } from './ort.ts'
import { createSession, type Session } from './session.ts'
import { readSignature } from './signature.ts'
import { walkTrees } from './walk.ts'

export interface Prediction {
  /** One a row, in the order of the rows. */
  readonly answers: readonly Answer[]
  readonly warnings: readonly Warning[]
  /** Where they were asked for: one a row. */
  readonly explanations?: readonly Explanation[]
}

export interface PredictOptions extends AnswerOptions {
  readonly explain?: boolean
}

/** Rows that are explained in one call: each takes longer than a thousand predictions of it. */
export const maxExplained = 100

/** A model's file at work. Both runtimes use it, so that they cannot differ. */
export interface Model {
  readonly signature: Signature
  /** For tensors that others have made: the Open Inference Protocol, and batches out of the warehouse. */
  readonly session: Session
  /** Rows of JSON, in one call. Throws `request.invalid` with every place that does not hold. */
  predict(rows: readonly unknown[], options?: PredictOptions): Prediction
  release(): void
}

/** `openOrt` is asked only for a graph that takes ONNX Runtime. Throws where the file is none of ours. */
export async function openModel(file: Uint8Array, openOrt: () => Promise<Ort>): Promise<Model> {
  const signature = readSignature(file)
  const walked = walkTrees(fromBinary(ModelProtoSchema, file))
  const ort = walked === undefined ? await openOrt() : undefined
  const session = walked ?? createSession(ort!, file)
  const feed = createFeeder(signature)
  let explainer: Explainer | undefined
  return {
    signature,
    session,
    predict(rows, options = {}) {
      if (options.explain === true && rows.length > maxExplained) throw tooMany()
      const fed = feed(rows)
      if ('problems' in fed) {
        throw new Failure('request.invalid', 'The rows are not what the model takes.', { errors: fed.problems })
      }
      const { feeds, warnings } = fed
      const answers = answersFrom(session.run(feeds), signature, options)
      if (options.explain !== true) return { answers, warnings }
      explainer ??= openExplainer(file, signature, ort)
      if (explainer === undefined) throw unexplained()
      return { answers, warnings, explanations: explainer.explain(feeds, answers) }
    },
    release() {
      explainer?.release()
      session.release()
    },
  }
}

function tooMany(): Failure {
  return new Failure('request.too_large', `${maxExplained} rows can be explained at once.`, {
    errors: [{ pointer: '/rows', reason: `more than ${maxExplained}` }],
  })
}

function unexplained(): Failure {
  return new Failure(
    'request.invalid',
    'The answers of this model cannot be explained: it has neither trees nor coefficients.',
    {
      errors: [{ pointer: 'explain', reason: 'not for this model' }],
    },
  )
}
