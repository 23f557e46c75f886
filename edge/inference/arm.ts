import { getsCandidate } from '#mesh/inference/arm.ts'
import type { Serving } from '#proto/edgewise/model/v1/model_pb.ts'

/** The version that a subject gets, and for whoever asks where an answer came from, which of two it is. */
export function armOf(serving: Serving, subject: string): { readonly serving: Serving; readonly arm: string } {
  const { candidate } = serving
  if (candidate?.serving === undefined) return { serving, arm: '' }
  const isCandidate = getsCandidate(candidate.rollout, subject, candidate.percent)
  const arm = `; arm=${isCandidate ? 'candidate' : 'base'}; rollout=${candidate.rollout}`
  return { serving: isCandidate ? candidate.serving : serving, arm }
}
