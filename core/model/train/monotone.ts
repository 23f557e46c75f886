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
  if (candidate.engine === 'linear') throw refuse('is for trees', "Say engine = 'gbdt', or leave it out.")
  const known = features.map(({ name }) => name)
  for (const name of names) {
    if (known.includes(name)) continue
    const near = closest(name, known)
    const hint = near === undefined ? 'Name columns that the model uses as numbers.' : `Did you mean \`${near}\`?`
    throw refuse(`names \`${name}\`, which is no number of the model`, hint)
  }
  const directions = features.map(({ name }) => monotone[name] ?? 0)
  return { ...candidate, options: { ...candidate.options, monotone: directions } }
}

function refuse(reason: string, hint: string): Failure {
  return new Failure('request.invalid', `\`monotone\` ${reason}.`, { hint, errors: [{ pointer: 'monotone', reason }] })
}
