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

const hourMs = 3_600_000
const hours = [1, 2, 3, 6, 12, 24, 48, 168, 336, 720, 1_440, 2_184, 4_368, 8_760, 17_520, 43_800]
const mostTicks = 5

/** An axis of time, milliseconds in UTC, from one moment to another, with ticks at whole hours or days. */
export function timeScale(from: number, to: number): Scale {
  const place = (ms: number): number => (ms - from) / Math.max(1, to - from)
  const stepMs = hourMs * (hours.find((step) => (to - from) / (step * hourMs) < mostTicks) ?? hours.at(-1)!)
  const first = Math.ceil(from / stepMs) * stepMs
  const count = Math.min(mostTicks, Math.floor((to - first) / stepMs) + 1)
  const ticks = Array.from({ length: Math.max(0, count) }, (_, i) => first + i * stepMs)
  return {
    place,
    axis: {
      ticks: ticks.map((ms) => {
        const text = new Date(ms).toISOString()
        return {
          at: place(ms),
          text: stepMs < 24 * hourMs ? `${text.slice(5, 10)} ${text.slice(11, 16)}` : text.slice(0, 10),
        }
      }),
    },
  }
}
