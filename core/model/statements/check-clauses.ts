import { engines, optionNames, options, type Engine, type ModelOptions } from './options.ts'
import { syntaxFailure } from './place.ts'
import { listed } from './reader.ts'
import type { Part, Span, Using } from './statement.ts'

export type Clause = 'PREDICT' | 'ORDER BY' | 'GROUP BY' | 'WINDOW' | 'HORIZON'

const clausesOf: Readonly<Record<Engine, { readonly needs: readonly Clause[]; readonly takes: readonly Clause[] }>> = {
  gbdt: { needs: ['PREDICT'], takes: ['ORDER BY'] },
  linear: { needs: ['PREDICT'], takes: ['ORDER BY'] },
  kmeans: { needs: [], takes: [] },
  forecast: { needs: ['PREDICT', 'ORDER BY'], takes: ['GROUP BY', 'WINDOW', 'HORIZON'] },
  anomaly: { needs: ['PREDICT', 'ORDER BY'], takes: ['GROUP BY', 'WINDOW'] },
}

/** What `auto` compares: with a HORIZON there is a series to go on with, otherwise there are rows to learn from. */
export function candidatesOf(options: ModelOptions, horizon: boolean): readonly Engine[] {
  const { engine = 'auto' } = options
  if (engine !== 'auto') return [engine]
  return horizon ? ['forecast'] : ['gbdt', 'linear']
}

interface Given {
  readonly from: Part
  /** Where each clause begins. */
  readonly given: ReadonlyMap<Clause, Span>
  readonly using: Using
}

/** Fails unless the clauses and options are those of what is to be trained. */
export function checkClauses(sql: string, { from, given, using }: Given): void {
  const candidates = candidatesOf(using.options, given.has('HORIZON'))
  for (const [clause, span] of given) {
    if (candidates.some((engine) => isOf(engine, clause))) continue
    const others = engines.filter((engine) => isOf(engine, clause))
    throw syntaxFailure(sql, span, `${clause} says nothing to ${listed(candidates)}.`, wayOut(others))
  }
  for (const engine of candidates) {
    const missing = clausesOf[engine].needs.find((clause) => !given.has(clause))
    if (missing === undefined) continue
    const hint = missing === 'PREDICT' ? `To find segments without a target, say USING engine = 'kmeans'.` : undefined
    throw syntaxFailure(sql, { start: from.end + 1 }, `${missing} is missing: ${engine} needs it.`, hint)
  }
  refuseForeignOptions(sql, using, candidates)
}

/** An option that none of the engines knows would be ignored in silence. */
export function refuseForeignOptions(
  sql: string,
  { options: given, spans }: Using,
  candidates: readonly Engine[],
): void {
  for (const name of optionNames) {
    const owners: readonly Engine[] = options[name].engines
    if (given[name] === undefined || candidates.some((engine) => owners.includes(engine))) continue
    const at = spans[name] ?? { start: 0 }
    throw syntaxFailure(sql, at, `\`${name}\` says nothing to ${listed(candidates)}.`, wayOut(owners))
  }
}

function isOf(engine: Engine, clause: Clause): boolean {
  const { needs, takes } = clausesOf[engine]
  return needs.includes(clause) || takes.includes(clause)
}

function wayOut(owners: readonly Engine[]): string {
  return `It belongs to ${listed(owners)}: say USING engine = '${owners[0] ?? 'auto'}', or leave it out.`
}
