/** Anomalous points that belong together. */
export interface Alarm {
  /** Points from the first to the last. */
  readonly from: number
  readonly to: number
  /** The point that is furthest off, and its score. */
  readonly peak: number
  readonly score: number
  readonly points: number
}

/** One alarm for points that are beyond the threshold with no more than `coolDown` points between one and the next. */
export function alarms(scores: Float64Array, threshold: number, coolDown: number): Alarm[] {
  const found: Alarm[] = []
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    if (!(Math.abs(score) > threshold)) continue
    const last = found.at(-1)
    if (last === undefined || i - last.to > coolDown) found.push({ from: i, to: i, peak: i, score, points: 1 })
    else {
      const peak = Math.abs(score) > Math.abs(last.score) ? { peak: i, score } : {}
      found[found.length - 1] = { ...last, to: i, points: last.points + 1, ...peak }
    }
  }
  return found
}
