import type { Axis } from './charts.ts'
import { figure } from './words.ts'

interface Scale {
  /** As a share of the axis. */
  place(value: number): number
  readonly axis: Axis
}

const wantedTicks = 4

/** An axis of round numbers that holds the values. */
export function numberScale(values: readonly number[], title?: string): Scale {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  if (low > high) [low, high] = [0, 1]
  if (low === high) [low, high] = [low - 1, high + 1]
  const step = roundStep((high - low) / wantedTicks)
  const [from, to] = [Math.floor(low / step) * step, Math.ceil(high / step) * step]
  const place = (value: number): number => (value - from) / (to - from)
  const ticks = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step)
  return {
    place,
    axis: {
      ticks: ticks.map((tick) => ({ at: place(tick), text: figure(Number(tick.toPrecision(12))) })),
      ...(title !== undefined && { title }),
    },
  }
}

/** 1, 2 or 5 times a power of ten, and not less. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return power * ([1, 2, 5, 10].find((times) => times * power >= least) ?? 10)
}

/** An axis of time, milliseconds in UTC, from one moment to another. */
export function timeScale(from: number, to: number): Scale {
  const place = (ms: number): number => (ms - from) / Math.max(1, to - from)
  const ticks = [0, 1, 2, 3].map((i) => from + ((to - from) * i) / 3)
  const isLong = to - from > 4 * 86_400_000
  return {
    place,
    axis: {
      ticks: ticks.map((ms) => {
        const text = new Date(ms).toISOString()
        return { at: place(ms), text: isLong ? text.slice(0, 10) : `${text.slice(5, 10)} ${text.slice(11, 16)}` }
      }),
    },
  }
}
