import { getsCandidate } from '#mesh/inference/arm.ts'
import type { Serving } from '#proto/edgewise/model/v1/model_pb.ts'

export interface Arm {
  readonly serving: Serving
  readonly subject: string
  /** Empty where nothing is rolled out, as `rollout` is then. */
  readonly arm: '' | 'base' | 'candidate'
  readonly rollout: string
}

/** The version that a subject gets, and which of two it is. */
export function armOf(serving: Serving, subject: string): Arm {
  const { candidate } = serving
  if (candidate?.serving === undefined) return { serving, subject, arm: '', rollout: '' }
  const { rollout, percent } = candidate
  return getsCandidate(rollout, subject, percent)
    ? { serving: candidate.serving, subject, arm: 'candidate', rollout }
    : { serving, subject, arm: 'base', rollout }
}
