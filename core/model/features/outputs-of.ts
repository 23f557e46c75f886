import type { TargetPlan } from './plan.ts'

/** What the graph gives, by what is predicted; without a target, segments. */
export function outputsOf(target: TargetPlan | undefined): readonly { name: string; type: string; columns: number }[] {
  if (target === undefined) {
    return [
      { name: 'segment', type: 'int64', columns: 1 },
      { name: 'distance', type: 'float', columns: 1 },
    ]
  }
  if (target.task === 'regression') return [{ name: 'prediction', type: 'float', columns: 1 }]
  return [{ name: 'probabilities', type: 'float', columns: target.labels.length }]
}
