import { getsCandidate } from '#mesh/inference/arm.ts'
import type { Serving } from '#proto/edgewise/model/v1/model_pb.ts'

export interface Arm {
  readonly serving: Serving
  readonly subject: string
  /** Which of two it is; empty where nothing is rolled out. */
  readonly side: '' | 'base' | 'candidate'
  /** The same, for whoever asks where an answer came from. */
  readonly arm: string
}

/** The version that a subject gets. */
export function armOf(serving: Serving, subject: string): Arm {
  const { candidate } = serving
  if (candidate?.serving === undefined) return { serving, subject, side: '', arm: '' }
  const isCandidate = getsCandidate(candidate.rollout, subject, candidate.percent)
  const side = isCandidate ? 'candidate' : 'base'
  const arm = `; arm=${side}; rollout=${candidate.rollout}`
  return { serving: isCandidate ? candidate.serving : serving, subject, side, arm }
}
