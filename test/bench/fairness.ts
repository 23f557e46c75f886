/** How much a noisy workspace slows a quiet one: the quiet one's queries alone, and beside 32 callers that never stop. */
import { create } from '@bufbuild/protobuf'
import { pino } from 'pino'
import { createBudgets } from '../../core/budgets.ts'
import { createQuery, defaultQueryLimits, migrations } from '../../core/query/index.ts'
import { migrations as configMigrations } from '../../core/config/index.ts'
import { migrations as ingestMigrations } from '../../core/ingest/index.ts'
import { startEmbeddedWarehouse } from '../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../core/storage/clickhouse/connect.ts'
import { RunSqlRequestSchema } from '../../proto/gen/edgewise/query/v1/query_pb.ts'
import { callBy } from '../support/call.ts'
import { freshControl } from '../support/control.ts'
import { temporaryDirectory } from '../support/directory.ts'

const secondsEach = 10
const noisyCallers = 32

const directory = temporaryDirectory()
const log = pino({ level: 'silent' })
const engine = await startEmbeddedWarehouse({ directory: directory.path, log })
const warehouse = connectWarehouse({ ...engine, maxConnections: 32, log })
const control = await freshControl([configMigrations, ingestMigrations, migrations])
for (const workspace of ['quiet', 'noisy']) {
  await warehouse.command(`CREATE DATABASE ${workspace}`)
  await warehouse.command(`CREATE TABLE ${workspace}.t (n UInt64, k UInt32) ENGINE = MergeTree ORDER BY n`)
  await warehouse.command(`INSERT INTO ${workspace}.t SELECT number, number % 1000 FROM numbers(2000000)`)
}
const budgets = createBudgets({ now: Date.now, onNear: () => undefined })
const { service } = createQuery({ db: control.db, warehouse, log, limits: defaultQueryLimits, budgets })

async function ask(workspace: string, sql: string): Promise<void> {
  const call = callBy({ workspace, id: workspace, scopes: ['sql:read'] })
  for await (const _ of service.runSql(create(RunSqlRequestSchema, { sql }), call));
}

/** One query after another, a little apart, as a dashboard asks. */
async function quiet(): Promise<number[]> {
  const times: number[] = []
  const end = Date.now() + secondsEach * 1000
  while (Date.now() < end) {
    const began = performance.now()
    await ask('quiet', 'SELECT count() FROM t WHERE n < 1000')
    times.push(performance.now() - began)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return times.toSorted((a, b) => a - b)
}

function shown(times: readonly number[]): string {
  const at = (share: number): string => `${(times[Math.floor(times.length * share)] ?? 0).toFixed(1)} ms`
  return `p50 ${at(0.5)}, p99 ${at(0.99)} (${times.length} queries)`
}

await quiet()
const alone = await quiet()
const noisy = new AbortController()
let refused = 0
const noise = Array.from({ length: noisyCallers }, async () => {
  while (!noisy.signal.aborted) {
    await ask('noisy', 'SELECT k, uniqExact(n) FROM t GROUP BY k').catch(async () => {
      refused++
      await new Promise((resolve) => setTimeout(resolve, 100))
    })
  }
})
await new Promise((resolve) => setTimeout(resolve, 1_000))
const beside = await quiet()
noisy.abort()
await Promise.all(noise)
process.stdout.write(
  `alone: ${shown(alone)}\nbeside ${noisyCallers} callers of another workspace: ${shown(beside)}; ${refused} of theirs refused\n`,
)

await warehouse.close()
await engine.close()
await control.close()
directory.remove()
