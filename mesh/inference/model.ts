import type { Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { Failure } from '../errors.ts'
import { type Answer, type AnswerOptions, answersFrom } from './answers.ts'
import { createFeeder, type Warning } from './feeds.ts'
import type { Ort } from './ort.ts'
import { createSession, type Session } from './session.ts'
import { readSignature } from './signature.ts'

export interface Prediction {
  /** One a row, in the order of the rows. */
  readonly answers: readonly Answer[]
  readonly warnings: readonly Warning[]
}

/** A model's file at work. Both runtimes use it, so that they cannot differ. */
export interface Model {
  readonly signature: Signature
  /** For tensors that others have made: the Open Inference Protocol, and batches out of the warehouse. */
  readonly session: Session
  /** Rows of JSON, in one call. Throws `request.invalid` with every place that does not hold. */
  predict(rows: readonly unknown[], options?: AnswerOptions): Prediction
  release(): void
}

export function openModel(ort: Ort, file: Uint8Array): Model {
  const signature = readSignature(file)
  const session = createSession(ort, file)
  const feed = createFeeder(signature)
  return {
    signature,
    session,
    predict(rows, options) {
      const fed = feed(rows)
      if ('problems' in fed) {
        throw new Failure('request.invalid', 'The rows are not what the model takes.', { errors: fed.problems })
      }
      return { answers: answersFrom(session.run(fed.feeds), signature, options), warnings: fed.warnings }
    },
    release: session.release,
  }
}
