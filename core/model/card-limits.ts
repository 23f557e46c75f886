import type { PredictionCard, SegmentsCard } from './train/card.ts'
import type { Sample } from './training/message.ts'

type Card = Readonly<Record<string, unknown>>

/** Figures of fewer rows are rough. */
const fewRows = 500
/** Probabilities that are further off, on average, are an order rather than chances. */
const roughlyCalibrated = 0.05

/** What a model is not good for, as far as its own card tells, in sentences. */
export function limitsOf(card: Card): readonly string[] {
  return [...ofRows(card), ...ofKind(card)]
}

function ofKind(card: Card): readonly string[] {
  switch (card['task']) {
    case 'forecast':
      return ofForecast(card)
    case 'anomaly':
      return ofAnomalies(card)
    case 'segments':
      return ofSegments(card as unknown as SegmentsCard)
    default:
      return ofPrediction(card as unknown as PredictionCard)
  }
}

function ofRows(card: Card): string[] {
  const { rows, sample, target } = card as Partial<Pick<PredictionCard, 'rows' | 'target'>> & { sample?: Sample }
  return [
    ...(sample !== undefined && sample.share < 1
      ? [`It learnt from a sample: ${percent(sample.share)} of ${count(sample.total)} rows.`]
      : []),
    ...(rows !== undefined && rows.dropped > 0
      ? [
          `${count(rows.dropped)} rows without \`${target ?? ''}\` were left out: what those have in common it does not know.`,
        ]
      : []),
  ]
}

function ofPrediction({ holdout, metric, parameters, beatsBaseline, task }: PredictionCard): string[] {
  const [worst] = holdout.slices
  const off = holdout.calibration?.expectedError ?? 0
  const overall = holdout.metrics[metric]
  return [
    ...(beatsBaseline ? [] : ['On rows that it had not seen it was no better than the naive answer.']),
    ...(holdout.rows < fewRows ? [`It was judged on ${count(holdout.rows)} rows: its figures are rough.`] : []),
    ...(worst !== undefined && overall !== undefined
      ? [
          `It is worst where \`${worst.column}\` ${worst.condition}: ${metric} ${figure(worst.value)} there, ${figure(overall)} over all.`,
        ]
      : []),
    ...(off > roughlyCalibrated
      ? [`Its probabilities are off by ${percent(off)} on average: take them as an order rather than as chances.`]
      : []),
    ...(task === 'regression' && parameters['engine'] === 'gbdt'
      ? ['Its trees answer nothing beyond what was seen: neither more than the most nor less than the least.']
      : []),
    'Values outside of what it was trained from, labels that it has not seen and values that are missing are answered with a warning, and less reliably.',
    'What matters to its answer need not be what causes it.',
  ]
}

function ofSegments({ silhouette }: SegmentsCard): string[] {
  return [
    `Segments describe rows; they need not be kinds of anything. Theirs are apart by a silhouette of ${figure(silhouette)}, where 0 is not at all and 1 wholly.`,
  ]
}

function ofForecast(card: Card): string[] {
  const left = (card['left'] as readonly unknown[]).length
  const series = card['series'] as readonly Card[]
  const unmeasured = series.filter((one) => one['mase'] === undefined).length
  return [
    ...(left > 0 ? [`${count(left)} series have no forecast; the card says why.`] : []),
    ...(unmeasured > 0
      ? [`${count(unmeasured)} series were too short for a backtest: how good theirs is, nobody knows.`]
      : []),
    'It goes on with what has been. What has not happened before (a new price, a holiday that moves, a closure) it does not foresee.',
    `It ends ${count(Number(card['horizon']))} steps after the last row that it has seen: RETRAIN it when there are new ones.`,
  ]
}

function ofAnomalies(card: Card): string[] {
  const left = (card['left'] as readonly unknown[]).length
  return [
    ...(left > 0 ? [`${count(left)} series are not watched; the card says why.`] : []),
    `About ${percent(Number(card['rate']))} of ordinary points are beyond its threshold too.`,
    'What has been wrong from the beginning counts as ordinary.',
  ]
}

function count(value: number): string {
  return value.toLocaleString('en')
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function percent(share: number): string {
  return `${figure(100 * share)} %`
}
