import { engines, optionNames, options, type Engine, type ModelOptions, type OptionName } from './options.ts'
import { syntaxFailure } from './place.ts'
import { listed } from './reader.ts'
import type { Span, Using } from './statement.ts'

export type Clause = 'PREDICT' | 'ORDER BY' | 'GROUP BY' | 'WINDOW' | 'HORIZON'

const clausesOf: Readonly<Record<Engine, { readonly needs: readonly Clause[]; readonly takes: readonly Clause[] }>> = {
  gbdt: { needs: ['PREDICT'], takes: ['ORDER BY'] },
  linear: { needs: ['PREDICT'], takes: ['ORDER BY'] },
  kmeans: { needs: [], takes: [] },
  forecast: { needs: ['PREDICT', 'ORDER BY'], takes: ['GROUP BY', 'WINDOW', 'HORIZON'] },
  anomaly: { needs: ['PREDICT', 'ORDER BY'], takes: ['GROUP BY', 'WINDOW'] },
}

/** What `auto` compares: with a HORIZON there is a series to go on with, otherwise there are rows to learn from. */
export function candidatesOf(engine: ModelOptions['engine'] = 'auto', horizon: boolean): readonly Engine[] {
  if (engine !== 'auto') return [engine]
  return horizon ? ['forecast'] : ['gbdt', 'linear']
}

interface Given {
  /** Where what is missing would stand. */
  readonly end: Pick<Span, 'start'>
  /** Where each clause begins. */
  readonly given: ReadonlyMap<Clause, Pick<Span, 'start'>>
  readonly engine: ModelOptions['engine']
  readonly using: Using
}

/** Fails unless the clauses and options are those of what is to be trained. */
export function checkClauses(sql: string, { end, given, engine, using }: Given): void {
  const candidates = candidatesOf(engine, given.has('HORIZON'))
  for (const [clause, span] of given) {
    if (candidates.some((engine) => isOf(engine, clause))) continue
    const others = engines.filter((engine) => isOf(engine, clause))
    throw syntaxFailure(sql, span, `${clause} says nothing to ${listed(candidates)}.`, wayOut(others))
  }
  for (const engine of candidates) {
    const missing = clausesOf[engine].needs.find((clause) => !given.has(clause))
    if (missing === undefined) continue
    const hint = missing === 'PREDICT' ? `To find segments without a target, say USING engine = 'kmeans'.` : undefined
    throw syntaxFailure(sql, end, `${missing} is missing: ${engine} needs it.`, hint)
  }
  refuseForeignOptions(sql, using, candidates)
}

/** An option that none of the engines knows would be ignored in silence. */
function refuseForeignOptions(sql: string, { options: given, spans }: Using, candidates: readonly Engine[]): void {
  for (const name of optionNames) {
    if (given[name] === undefined || isHeard(name, candidates)) continue
    const at = spans[name] ?? { start: 0 }
    throw syntaxFailure(sql, at, `\`${name}\` says nothing to ${listed(candidates)}.`, wayOut(options[name].engines))
  }
}

/** Whether an option says something to one of the engines. */
export function isHeard(name: OptionName, candidates: readonly Engine[]): boolean {
  const owners: readonly Engine[] = options[name].engines
  return candidates.some((engine) => owners.includes(engine))
}

function isOf(engine: Engine, clause: Clause): boolean {
  const { needs, takes } = clausesOf[engine]
  return needs.includes(clause) || takes.includes(clause)
}

function wayOut(owners: readonly Engine[]): string {
  return `It belongs to ${listed(owners)}: say USING engine = '${owners[0] ?? 'auto'}', or leave it out.`
}
