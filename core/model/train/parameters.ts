import type { Candidate } from './candidate.ts'
import type { Parameters } from './card.ts'

/** As they are named in SQL, so that a model can be made again. */
export function parametersOf(candidate: Candidate): Parameters {
  if (candidate.engine === 'linear') {
    const { penalty, lambda } = candidate
    return { penalty, ...(lambda !== undefined && { lambda }) }
  }
  const { monotone = [], ...options } = candidate.options
  const named = Object.entries(options).map(([name, value]) => [snake(name), value] as const)
  const bound = monotone.filter((direction) => direction !== 0).length
  return { ...Object.fromEntries(named.filter(isPlain)), ...(bound > 0 && { monotone_features: bound }) }
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function isPlain(entry: readonly [string, unknown]): entry is readonly [string, number] {
  return typeof entry[1] === 'number'
}
