import { closest } from '#mesh/closest.ts'
import { Failure } from '#mesh/errors.ts'
import type { Feature } from '../feature.ts'
import type { Candidate } from './candidate.ts'

/** The candidate with what was said of columns, in the order of the features. Errors: request.invalid. */
export function withMonotone(
  candidate: Candidate,
  features: readonly Feature[],
  monotone: Readonly<Record<string, 1 | -1>>,
): Candidate {
  const names = Object.keys(monotone)
  if (names.length === 0) return candidate
  if (candidate.engine === 'linear') throw refuse('monotone', "is for trees: use engine = 'gbdt'")
  const known = features.map(({ name }) => name)
  for (const name of names) {
    if (known.includes(name)) continue
    const near = closest(name, known)
    throw refuse('monotone', `names \`${name}\`, which is no number of the model${near ? `; is it \`${near}\`?` : ''}`)
  }
  const directions = features.map(({ name }) => monotone[name] ?? 0)
  return { ...candidate, options: { ...candidate.options, monotone: directions } }
}

function refuse(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `\`${pointer}\` ${reason}.`, { errors: [{ pointer, reason }] })
}
