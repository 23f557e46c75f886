import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'

export interface Labelled {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The core's metrics in Prometheus's text format. Labels are bounded: methods, codes and stages, never names of tenants. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const calls = new Counter({
    name: 'edgewise_rpc_calls_total',
    help: 'Calls by service, method and code.',
    labelNames: ['service', 'method', 'code'],
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'edgewise_rpc_seconds',
    help: 'Time from the first byte of a call to its last.',
    labelNames: ['service', 'method'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  })
  return {
    observe(call: { service: string; method: string; code: string; seconds: number }): void {
      calls.inc({ service: call.service, method: call.method, code: call.code })
      seconds.observe({ service: call.service, method: call.method }, call.seconds)
    },
    /** A number that is read when the metrics are asked for. */
    gauge(name: string, help: string, read: () => number): void {
      const gauge: Gauge = new Gauge({ name, help, registers: [registry], collect: () => gauge.set(read()) })
    },
    /** Numbers that are read when the metrics are asked for, by labels of few values; none where they cannot be read. */
    gauges(name: string, help: string, labelNames: readonly string[], read: () => Promise<readonly Labelled[]>): void {
      const gauge: Gauge<string> = new Gauge({
        name,
        help,
        labelNames: [...labelNames],
        registers: [registry],
        async collect() {
          const found = await read().catch(() => [])
          gauge.reset()
          for (const { labels, value } of found) gauge.set(labels, value)
        },
      })
    },
    /** Counts things that are not calls. */
    counter(name: string, help: string): (count: number) => void {
      const counter = new Counter({ name, help, registers: [registry] })
      return (count) => counter.inc(count)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

export type Metrics = ReturnType<typeof createMetrics>
