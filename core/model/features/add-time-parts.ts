import type { Graph, Value } from '../onnx/graph.ts'
import { partsOf } from './features-of.ts'
import type { TimePart } from './plan.ts'
import { dayMs, epochShift, eraDays } from './time-parts.ts'

/** What stands for a missing time. */
const missingMs = -(2n ** 63n)

/**
 * The parts of a time (int64 [rows, 1], milliseconds since 1970 in UTC), each float [rows, 1]: in the graph what
 * `timeParts` does outside, see there. Nodes are made for what is asked for alone.
 */
export function addTimeParts(graph: Graph, ms: Value, names: readonly TimePart[]): readonly Value[] {
  const op = (name: string) => (a: Value, b: Value | number) =>
    graph.node(name, [a, typeof b === 'string' ? b : whole(graph, BigInt(b))])
  const [add, subtract, multiply, modulo, truncate] = [op('Add'), op('Sub'), op('Mul'), op('Mod'), op('Div')]
  const missing = graph.node('Equal', [ms, whole(graph, missingMs)])
  const nan = graph.constant(Float32Array.of(Number.NaN), [1])

  const sinceMidnight = once(() => modulo(ms, dayMs))
  // Div rounds towards zero, so what it divides is made a multiple first.
  const days = once(() => truncate(subtract(ms, sinceMidnight()), dayMs))
  // From here on nothing is negative.
  const civil = once(() => {
    const dayOfEra = modulo(add(days(), epochShift), eraDays)
    const leaps = add(subtract(truncate(dayOfEra, 1460), truncate(dayOfEra, 36_524)), truncate(dayOfEra, 146_096))
    const yearOfEra = truncate(subtract(dayOfEra, leaps), 365)
    const daysBefore = subtract(add(multiply(yearOfEra, 365), truncate(yearOfEra, 4)), truncate(yearOfEra, 100))
    const dayOfYear = subtract(dayOfEra, daysBefore)
    const fromMarch = truncate(add(multiply(dayOfYear, 5), 2), 153)
    return { dayOfYear, fromMarch }
  })
  const parts: Readonly<Record<TimePart, () => Value>> = {
    days,
    month: () => modulo(add(civil().fromMarch, 2), 12),
    day: () => {
      const { dayOfYear, fromMarch } = civil()
      return add(subtract(dayOfYear, truncate(add(multiply(fromMarch, 153), 2), 5)), 1)
    },
    weekday: () => modulo(add(days(), 3), 7),
    hour: () => truncate(sinceMidnight(), 3_600_000),
    minute: () => truncate(modulo(ms, 3_600_000), 60_000),
  }
  return partsOf(names).map(({ name }) => {
    const float = graph.node('Cast', [parts[name]()], { attributes: { to: { int: 1 } } })
    return graph.node('Where', [missing, nan, float])
  })
}

function whole(graph: Graph, value: bigint): Value {
  return graph.constant(BigInt64Array.of(value), [1])
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
