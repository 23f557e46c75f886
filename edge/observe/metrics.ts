/** Prometheus' text format 0.0.4, for the few numbers that an isolate can know of itself. */
const maxSeries = 2_000

export function createMetrics() {
  const requests = new Map<string, number>()
  const counters = {
    usage_dropped: 0,
    predictions_dropped: 0,
    refusals_dropped: 0,
    limit_degraded: 0,
    strangers: 0,
    bugs: 0,
  }
  return {
    request(method: string, route: string, status: number, cache: string): void {
      const series = `method="${method}",route="${route}",status="${status}",cache="${cache}"`
      const count = requests.get(series)
      if (count === undefined && requests.size >= maxSeries) return
      requests.set(series, (count ?? 0) + 1)
    },
    count(name: keyof typeof counters, by = 1): void {
      counters[name] += by
    },
    text(gauges: Readonly<Record<string, number>>): string {
      const lines = ['# TYPE edgewise_requests_total counter']
      for (const [series, count] of requests) lines.push(`edgewise_requests_total{${series}} ${count}`)
      for (const [name, count] of Object.entries(counters)) {
        lines.push(`# TYPE edgewise_${name}_total counter`, `edgewise_${name}_total ${count}`)
      }
      for (const [name, value] of Object.entries(gauges)) {
        lines.push(`# TYPE edgewise_${name} gauge`, `edgewise_${name} ${Number.isFinite(value) ? value : 'NaN'}`)
      }
      return `${lines.join('\n')}\n`
    },
  }
}
