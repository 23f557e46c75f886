import { Failure } from '#mesh/errors.ts'
import { regular, type Step } from '../forecast/series.ts'
import type { ForecastRows } from '../forecast/train.ts'
import { learn } from './learn.ts'

/** Plain data: what JSON keeps. */
export interface AnomalyModel {
  readonly kind: 'anomaly'
  /** The share of ordinary points that are called anomalous. */
  readonly rate: number
  readonly series: readonly AnomalySeries[]
  /** Series that are not watched, and why. */
  readonly left: readonly { readonly key: string; readonly reason: string }[]
}

export interface AnomalySeries {
  readonly key: string
  readonly startMs: number
  readonly step: Step
  readonly seasons: readonly number[]
  readonly level: number
  /** Added to the level, one for each place in the longest season; where there is none, a single 0. */
  readonly factors: readonly number[]
  /** One for each place in the shortest season. */
  readonly scales: readonly number[]
  readonly leastScale: number
  /** In scales. */
  readonly threshold: number
  /** Points that may be between two of one alarm. */
  readonly coolDown: number
  /** The newest point that was learnt from, and the newest anomalous one, by their number since the start. */
  readonly last: number
  readonly anomalous: number | null
  /** The anomalous points without a break up to the newest one. */
  readonly run: { readonly points: number; readonly sum: number }
  /** What was anomalous in the rows that it was trained from. */
  readonly history: readonly PastAlarm[]
}

export interface PastAlarm {
  readonly fromMs: number
  readonly toMs: number
  readonly peakMs: number
  readonly value: number
  readonly expected: number
  readonly score: number
  readonly points: number
}

export interface AnomalyOptions {
  readonly groups: readonly ForecastRows[]
  /** The share of ordinary points that may be called anomalous. */
  readonly rate?: number
  readonly signal?: AbortSignal
  onProgress?(done: number, of: number): void
}

const maxGroups = 10_000

/** Learns what is ordinary in each series and finds what was not. Nothing is random. */
export function trainAnomaly({ groups, rate = 0.001, signal, onProgress }: AnomalyOptions): AnomalyModel {
  if (!(rate > 0 && rate <= 0.05)) throw refused('rate', `\`${rate}\` is not a share above 0 and up to 0.05`)
  if (groups.length === 0) throw refused('FROM', 'there are no rows')
  if (groups.length > maxGroups) {
    throw refused('GROUP BY', `there are ${groups.length} series; at most ${maxGroups} are watched by one model`)
  }
  const series: AnomalySeries[] = []
  const left: { readonly key: string; readonly reason: string }[] = []
  for (const [i, { key, times, values }] of groups.entries()) {
    signal?.throwIfAborted()
    try {
      series.push(learn(key, regular(times, values), rate, () => signal?.throwIfAborted()))
    } catch (thrown) {
      if (!(thrown instanceof Failure) || groups.length === 1) throw thrown
      left.push({ key, reason: thrown.message })
    }
    onProgress?.(i + 1, groups.length)
  }
  if (series.length === 0)
    throw refused('GROUP BY', `none of ${groups.length} series can be watched: ${left[0]!.reason}`)
  return { kind: 'anomaly', rate, series, left }
}

function refused(pointer: string, reason: string): Failure {
  return new Failure('request.invalid', `Anomalies cannot be learnt: ${reason}.`, {
    hint: `Change what ${pointer} says.`,
    errors: [{ pointer, reason }],
  })
}
