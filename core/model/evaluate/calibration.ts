import { mostProbable, type Scored } from './scored.ts'

export interface Calibration {
  /** Mean of |share − probability| over the bins, by their rows (Naeini et al. 2015). */
  readonly expectedError: number
  /** Those that hold a row, upwards. */
  readonly bins: readonly CalibrationBin[]
}

export interface CalibrationBin {
  /** Probabilities from here, and below `to`; the last holds 1 too. */
  readonly from: number
  readonly to: number
  readonly rows: number
  /** Mean probability that was said. */
  readonly said: number
  /** Share that came true. */
  readonly came: number
}

const binCount = 10

/** Whether what is said to be 70 % likely comes 70 % of the time: of two classes the second, of more the one named (Guo et al. 2017). */
export function calibration({ actual, outputs, classes }: Scored): Calibration {
  const codes = classes === 2 ? undefined : mostProbable(outputs, classes)
  const sums = Array.from({ length: binCount }, () => ({ rows: 0, said: 0, came: 0 }))
  for (let row = 0; row < actual.length; row++) {
    const code = codes === undefined ? 1 : codes[row]!
    const said = outputs[row * classes + code]!
    const bin = sums[Math.min(binCount - 1, Math.floor(said * binCount))]!
    bin.rows++
    bin.said += said
    if (actual[row] === code) bin.came++
  }
  const bins = sums.flatMap(({ rows, said, came }, at) => {
    const [from, to] = [at / binCount, (at + 1) / binCount]
    return rows === 0 ? [] : [{ from, to, rows, said: said / rows, came: came / rows }]
  })
  const off = bins.reduce((sum, { rows, said, came }) => sum + rows * Math.abs(came - said), 0)
  return { expectedError: off / actual.length, bins }
}
