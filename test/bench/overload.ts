/**
 * Twice as much as can be done: many clients in many workspaces ask for cached answers, uncached ones, and send events.
 *
 *   node test/bench/overload.ts [--clients 10000] [--seconds 120] [--rounds 1] [--workspaces 20]
 *
 * First what the machine sustains is measured (ever more is asked, until some is refused), then how long an
 * answer takes at a tenth of that, then the load at twice of it, then how soon all is as before.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { must } from '../e2e/ask.ts'
import { processTree } from '../support/processes.ts'
import { startProduct } from '../support/product.ts'
import type { Outcome, Phase, Setup } from './clients.ts'
import { quantile, table } from './report.ts'

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '120' },
    rounds: { type: 'string', default: '1' },
    workspaces: { type: 'string', default: '20' },
    /** Instead of what is measured: requests a second. */
    sustainable: { type: 'string' },
  },
})
const [clients, seconds, rounds, workspaces] = [
  Math.min(Number(values.clients), connectionsAtMost()),
  Number(values.seconds),
  Number(values.rounds),
  Number(values.workspaces),
]
const programs = [
  ['edge', '/bin/workerd'],
  ['core', '/core/main.ts'],
  ['warehouse', '/chdb/server.ts'],
] as const
const rowsEach = 20_000
const eventsEach = 20

const spentBefore = new Map<number, number>()
const product = await startProduct({ env: { LOG_LEVEL: 'warn' } })
const { hostname, port, host } = new URL(product.url)
const clientsProcess = fork(fileURLToPath(new URL('clients.ts', import.meta.url)))
prefer(clientsProcess.pid!)

try {
  const keys: string[] = []
  for (let at = 0; at < workspaces; at++) keys.push(await prepare(`w${at}`))
  const setup: Setup = { host: hostname, port: Number(port), clients, kinds: kindsFor(keys) }
  await tell(clientsProcess, setup)
  say(`${clients} clients of ${workspaces} workspaces are connected`)

  await play({ seconds: 5, concurrency: 16 })
  const sustainable = Number(values.sustainable ?? (await measureSustainable()))
  const unloaded = await play({ seconds: Math.min(30, seconds), rate: sustainable / 10 })
  report('A tenth of what is sustainable', unloaded)
  const baseMs = quantile(Object.values(unloaded.times).flat(), 0.99)
  memory('before')

  for (let round = 1; round <= rounds; round++) {
    const watch = setInterval(() => memory('under load'), 10_000)
    const loaded = await play({ seconds, rate: 2 * sustainable })
    clearInterval(watch)
    report(`Round ${round}: twice what is sustainable, ${Math.round(2 * sustainable)} a second`, loaded)
    const times = Object.values(loaded.times).flat()
    say(
      `p99 of what was served: ${ms(quantile(times, 0.99))}, ${ratio(quantile(times, 0.99), baseMs)} of ${ms(baseMs)}`,
    )
    say(`served ${Math.round(times.length / seconds)} a second of the ${Math.round(sustainable)} that are sustainable`)
    const after = await play({ seconds: 10, rate: sustainable * 0.7 })
    say(`full speed again after ${recovery(after, baseMs)}`)
    memory(`after round ${round}`)
  }
  await sleep(5_000)
  memory('5 s later')
} finally {
  clientsProcess.disconnect()
  await product.stop()
}

/** A workspace with a stream, a cached query, one that is not, and a key of which no plan is in the way. */
async function prepare(name: string): Promise<string> {
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name } })
  const { key } = made.json.key
  const rows = Array.from({ length: rowsEach }, (_, n) => `{"user":"u${n % 1_000}","path":"/p/${n % 97}","n":${n}}`)
  await must(product, '/v1/events/hits?wait=true', { key, body: rows.join('\n') })
  await must(product, '/v1/events/sink?wait=true', { key, body: event(1) })
  const sql =
    'SELECT path, count() AS hits FROM hits WHERE user = {user:String} GROUP BY path ORDER BY hits DESC LIMIT 10'
  const cache = { ttl_s: 86_400 }
  await must(product, '/v1/queries/live', { key, method: 'PUT', json: { sql } })
  await must(product, '/v1/queries/kept', { key, method: 'PUT', json: { sql, cache } })
  return key
}

function event(n: number): string {
  return `{"n":${n},"user":"u${n % 1_000}","path":"/p/${n % 97}","value":${n / 7}}`
}

function kindsFor(keys: readonly string[]): Setup['kinds'] {
  const head = (line: string, key: string): string =>
    `${line} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n`
  const body = Array.from({ length: eventsEach }, (_, n) => event(n)).join('\n')
  const asked = (name: string, users: number): string[] =>
    keys.flatMap((key) =>
      Array.from({ length: users }, (_, n) => `${head(`GET /v1/endpoints/${name}.json?user=u${n}`, key)}\r\n`),
    )
  return [
    { name: 'cached', weight: 6, requests: asked('kept', 5) },
    { name: 'uncached', weight: 2, requests: asked('live', 1_000) },
    {
      name: 'events',
      weight: 2,
      requests: keys.map(
        (key) =>
          `${head('POST /v1/events/sink', key)}Content-Type: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
    },
  ]
}

/** More and more, until some of it is refused: then as much as was served of it. */
async function measureSustainable(): Promise<number> {
  for (let rate = 200; ; rate *= 1.4) {
    const { statuses, times, seconds: took } = await play({ seconds: 4, rate })
    const served = Object.values(times).flat().length
    const all = Object.values(statuses).reduce((sum, count) => sum + count, 0)
    say(`${Math.round(rate)} a second: ${((100 * served) / all).toFixed(1)} % are served`)
    if (served / all < 0.97) return served / took
  }
}

function play(phase: Phase): Promise<Outcome> {
  return tell<Outcome>(clientsProcess, phase)
}

function tell<T>(to: ChildProcess, message: Setup | Phase): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('The clients are gone.'))
    to.once('exit', gone)
    to.once('message', (answer) => {
      to.off('exit', gone)
      resolve(answer as T)
    })
    to.send(message)
  })
}

function report(title: string, { statuses, times, withoutRetryAfter, seconds: took }: Outcome): void {
  const line = (name: string, all: readonly number[]): string[] => [
    name,
    String(Math.round(all.length / took)),
    ms(quantile(all, 0.5)),
    ms(quantile(all, 0.99)),
    ms(quantile(all, 0.999)),
  ]
  const kinds = Object.entries(times).sort(([a], [b]) => (a < b ? -1 : 1))
  table(title, [
    ['served', 'a second', 'p50', 'p99', 'p99.9'],
    ...kinds.map(([name, all]) => line(name, all)),
    line('all', Object.values(times).flat()),
  ])
  const counts = Object.entries(statuses).map(([status, count]) => `${status}: ${count}`)
  say(`\nby status: ${counts.join(', ')}; refused without Retry-After: ${withoutRetryAfter}`)
}

/** The first tenth of a second from which on, for a second, nothing is refused and nothing is late. */
function recovery({ tenths }: Outcome, baseMs: number): string {
  const isWell = tenths.map(({ sent, served, slowestMs }) => served === sent && slowestMs <= 5 * baseMs)
  const from = isWell.findIndex(
    (_, at) => isWell.slice(at, at + 10).filter(Boolean).length >= 9 && at + 10 <= isWell.length,
  )
  return from < 0 ? 'more than 10 s' : `${(from / 10).toFixed(1)} s`
}

/** workerd holds two descriptors for each connection, some more for calls, and ends where it can have no more. */
function connectionsAtMost(): number {
  const most = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1_024)
  return Math.floor((most - 2_400) / 2)
}

function memory(when: string): void {
  const sizes = processTree(product.pid).flatMap(({ pid, command }) => {
    const name = programs.find(([, end]) => command.slice(0, 2).some((part) => part.endsWith(end)))?.[0]
    if (name === undefined) return []
    const cpu = cpuSeconds(pid)
    const spent = cpu - (spentBefore.get(pid) ?? 0)
    spentBefore.set(pid, cpu)
    return [`${name} ${Math.round(residentKiB(pid) / 1024)} MiB, ${spent.toFixed(1)} s of CPU`]
  })
  say(`${when}: ${sizes.join('; ')}`)
}

/** User and system, in hundredths in /proc. */
function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

function residentKiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

function ratio(one: number, other: number): string {
  return `${(one / other).toFixed(2)} times`
}

/** The clients are other machines' in truth: what is measured must not be how long they wait for a processor of this one. */
function prefer(pid: number): void {
  try {
    setPriority(pid, -10)
  } catch {
    say('The clients wait for a processor like everybody (only root may prefer them): their times are too long.')
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
