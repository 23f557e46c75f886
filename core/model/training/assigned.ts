import { trainSeries } from '../series/train-series.ts'
import { train } from '../train/train.ts'
import { trainSegments } from '../train/train-segments.ts'
import type { Table } from '../table.ts'
import type { Assignment, Trained } from './message.ts'

export type OnProgress = (phase: string, done: number, of: number) => void

/** Steps ahead where HORIZON does not say. */
const defaultHorizon = 30

/** Trains what was asked for from the rows that came, and puts on the card how they came. */
export function trainAssigned(
  { definition, reading, sample, seed }: Assignment,
  table: Table,
  onProgress: OnProgress,
): Trained {
  const { target, orderBy, groupBy = [], horizon, options } = definition
  const { engine = 'auto' } = options
  const said = { seed, onProgress: (done: number, of: number) => onProgress('trains', done, of) }
  if (engine === 'forecast' || engine === 'anomaly' || horizon !== undefined) {
    const columns = { time: orderBy!, value: target!, by: groupBy }
    const kind = engine === 'anomaly' ? engine : 'forecast'
    const trained = trainSeries({ engine: kind, table, columns, horizon: horizon ?? defaultHorizon, ...said })
    return { ...trained, engine: kind, card: { ...trained.card, notes: reading.notes, sample } }
  }
  const { onnx, card } =
    engine === 'kmeans' || target === undefined
      ? trainSegments({ table, options: given({ k: options.k, keep: options.keep }), ...said })
      : train({
          table,
          target,
          engine,
          options: {
            ...given({
              holdout: options.holdout,
              folds: options.folds,
              classWeight: options.class_weight,
              monotone: options.monotone,
              keep: options.keep,
              rounds: options.rounds,
              depth: options.depth,
              learningRate: options.learning_rate,
              bins: options.bins,
              rowSample: options.row_sample,
              columnSample: options.column_sample,
              earlyStopping: options.early_stopping,
              l2: options.l2,
              l1: options.l1,
            }),
            ...(orderBy !== undefined && { isOrdered: true, ignore: [orderBy] }),
          },
          ...said,
        })
  const { parameters, beatsBaseline } = card
  return {
    file: onnx,
    engine: String(parameters['engine'] ?? engine),
    beatsBaseline,
    card: { ...card, notes: [...reading.notes, ...card.notes], sample },
  }
}

/** Without what was not said. */
function given<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const said = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said) as { [K in keyof T]?: NonNullable<T[K]> }
}
