import type { GbdtOptions } from '../gbdt/options.ts'
import type { LinearModel, Penalty } from '../linear/model.ts'

/** A trainer with its settings: one of those that are tried. Plain data. */
export type Candidate = LinearCandidate | GbdtCandidate

export interface LinearCandidate {
  readonly name: string
  readonly engine: 'linear'
  readonly penalty: Penalty
  /** As in `LinearModel`; chosen by cross-validation where it is left out. */
  readonly lambda?: LinearModel['lambda']
}

export interface GbdtCandidate {
  readonly name: string
  readonly engine: 'gbdt'
  /** `rounds` is the most of them: cross-validation finds how many are best. */
  readonly options: Partial<GbdtOptions>
}

/** What may be set by hand, and is then not varied. */
export interface Settings {
  readonly rounds?: number
  readonly depth?: number
  readonly learningRate?: number
  readonly bins?: number
  readonly rowSample?: number
  readonly columnSample?: number
  readonly earlyStopping?: number
  /** On the values of leaves, or on squared coefficients. */
  readonly l2?: number
  /** On coefficients, as a share of the strength at which none is left. */
  readonly l1?: number
}

/** Trees that ask few questions, slowly: for few rows, and where what columns say adds up. */
const shallow = { maxDepth: 3, maxLeaves: 8, learningRate: 0.05, rounds: 600, rowSample: 0.8, columnSample: 0.5 }
/** Trees that ask many: for many rows, and columns that mean something only together. */
const deep = { maxLeaves: 31, learningRate: 0.07, rounds: 800, rowSample: 0.8, columnSample: 0.7 }
const patience = 30

/** What `auto` chooses from; one engine alone chooses among its own. */
export function candidatesOf(engine: 'auto' | 'linear' | 'gbdt', settings: Settings): readonly Candidate[] {
  if (engine === 'gbdt') return trees(settings)
  if (engine === 'linear') return [...ridge(settings), ...lasso(settings)]
  return [...(settings.l1 === undefined ? ridge(settings) : lasso(settings)), ...trees(settings)]
}

function ridge({ l1, l2 }: Settings): readonly LinearCandidate[] {
  if (l1 !== undefined) return []
  return [{ name: 'linear', engine: 'linear', penalty: 'l2', ...(l2 !== undefined && { lambda: l2 }) }]
}

function lasso({ l1, l2 }: Settings): readonly LinearCandidate[] {
  if (l1 === undefined && l2 !== undefined) return []
  return [{ name: 'linear, few columns', engine: 'linear', penalty: 'l1', ...(l1 !== undefined && { lambda: l1 }) }]
}

function trees(settings: Settings): readonly GbdtCandidate[] {
  const { rounds, depth, learningRate, bins, rowSample, columnSample, l2, earlyStopping = patience } = settings
  const set: Partial<GbdtOptions> = {
    earlyStoppingRounds: earlyStopping,
    ...(rounds !== undefined && { rounds }),
    ...(depth !== undefined && { maxDepth: depth, maxLeaves: Math.min(2 ** depth, 4_096) }),
    ...(learningRate !== undefined && { learningRate }),
    ...(bins !== undefined && { bins }),
    ...(rowSample !== undefined && { rowSample }),
    ...(columnSample !== undefined && { columnSample }),
    ...(l2 !== undefined && { l2 }),
  }
  const shapes = depth === undefined ? { 'shallow trees': shallow, 'deep trees': deep } : { trees: deep }
  return Object.entries(shapes).map(([name, shape]) => ({ name, engine: 'gbdt', options: { ...shape, ...set } }))
}
