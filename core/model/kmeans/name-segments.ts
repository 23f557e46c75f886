import type { Dense } from '../features/dense.ts'
import type { DenseColumn } from '../features/plan-dense.ts'

/** Standard deviations from the mean of all rows below which nothing is remarkable. */
const remarkable = 0.3
const mostTerms = 3

/**
 * What sets each segment apart, by the columns in which its centre is the farthest from the mean of all rows, in their
 * standard deviations. More terms are taken where two would have the same name, and a number where those do not help.
 */
export function nameSegments(
  centers: Float32Array,
  dense: Dense,
  columns: readonly Pick<DenseColumn, 'kind'>[],
): string[] {
  const moments = momentsOf(dense)
  const width = dense.names.length
  const terms = Array.from({ length: centers.length / width }, (_, segment) =>
    moments
      .map(({ mean, deviation }, i) => {
        const value = centers[segment * width + i]!
        const apart = deviation === 0 ? 0 : (value - mean) / deviation
        return { apart, words: wordsOf(dense.names[i]!, columns[i]?.kind ?? 'number', apart, value) }
      })
      .filter(({ apart }) => Math.abs(apart) >= remarkable)
      .sort((a, b) => Math.abs(b.apart) - Math.abs(a.apart))
      .map(({ words }) => words),
  )
  const named = terms.map((own, segment) => {
    for (let count = 2; count < mostTerms; count++) {
      const name = nameOf(own, count)
      if (terms.every((other, at) => at === segment || nameOf(other, count) !== name)) return name
    }
    return nameOf(own, mostTerms)
  })
  return named.map((name, at) => {
    const before = named.slice(0, at).filter((other) => other === name).length
    return before === 0 ? name : `${name} (${before + 1})`
  })
}

function wordsOf(name: string, kind: DenseColumn['kind'], apart: number, share: number): string {
  if (kind === 'number') return `${apart > 0 ? 'high' : 'low'} ${name}`
  if (apart < 0) return `rarely ${name}`
  return share > 0.5 ? name : `often ${name}`
}

function nameOf(terms: readonly string[], count: number): string {
  return terms.length === 0 ? 'average' : terms.slice(0, count).join(', ')
}

function momentsOf({ rows, names, values }: Dense): { mean: number; deviation: number }[] {
  return names.map((_, i) => {
    let sum = 0
    let squares = 0
    for (let at = i; at < values.length; at += names.length) sum += values[at]!
    const mean = sum / rows
    for (let at = i; at < values.length; at += names.length) squares += (values[at]! - mean) ** 2
    return { mean, deviation: Math.sqrt(squares / rows) }
  })
}
