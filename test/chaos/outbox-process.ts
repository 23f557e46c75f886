/**
 * A store of the catalogue and its relay in a process of their own, that a test ends at a moment of its choice:
 *   node outbox-process.ts '{"directory": …, "resource": "items", "seed": 7, "dieAt": "after-send", "dieOn": 2}'
 * It writes what the seed says, and tells each change that was acknowledged. With `finish` it writes nothing: it sends what
 * is left, takes it into the warehouse, and tells what is there, and what the store has.
 */
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { toFailure } from '#mesh/errors.ts'
import { migrations, openMongoDocuments, openMysqlItems, postgresStore } from '../../core/catalog/index.ts'
import { changeEvent } from '../../core/catalog/change-event.ts'
import { catalogLimits } from '../../core/catalog/limits.ts'
import { createRelay, type FailPoint } from '../../core/catalog/relay.ts'
import { resources, type ResourceName, wordsOf } from '../../core/catalog/resources.ts'
import type { CatalogStore, Fields, Write } from '../../core/catalog/store.ts'
import { writeChanges } from '../../core/ingest/write-changes.ts'
import { createRandom } from '../../core/model/random.ts'
import { openSqliteLog } from '../../core/storage/sqlite/log.ts'
import { mongoUrl } from '../support/mongodb.ts'
import { mysqlUrl } from '../support/mysql.ts'

export interface Task {
  readonly directory: string
  readonly resource: ResourceName
  /** Where the store is, if not in the directory. */
  readonly url?: string
  readonly seed: number
  readonly finish?: boolean
  readonly dieAt?: FailPoint
  /** The how-manieth time. */
  readonly dieOn?: number
  /** After the first write, whatever is under way then. */
  readonly dieAfterMs?: number
}

/** `id version`, of each change that the store said it had made. */
export type Acknowledged = string

export interface Told {
  readonly acknowledged?: Acknowledged
  readonly found?: Found
}

export interface Found {
  /** The rows of the stream's table: `id version n`, in the order of the table. */
  readonly changes: readonly string[]
  /** What the store has, and what SQL sees: `id version n`. */
  readonly kept: readonly string[]
  readonly seen: readonly string[]
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const resource = resources[task.resource]
const place = { workspace: 'w', collection: resource.hasCollections ? 'c' : '' }
const logger = pino({ level: 'error' }, pino.destination(2))
const log = await openSqliteLog({ directory: `${task.directory}/log` })
const { store, close } = await openStore()
const numberSql = task.resource === 'documents' ? `JSONExtractString(document, 'n')` : `attributes['n']`
let passed = 0

/** As ingest does, whose streams need more than there is here. */
const send: Parameters<typeof createRelay>[0]['writeChanges'] = (workspace, stream, changes) =>
  writeChanges(
    { log, streams: { system: async (of, name) => ({ topic: `${of}.${name}`, partitions: 1 }) } },
    workspace,
    stream,
    changes,
  )

const relay = createRelay(
  {
    writeChanges: send,
    // Short, so that whoever comes after one that died need not wait, and some are sent twice.
    limits: { ...catalogLimits, outboxBatch: 5, leaseMs: 50, pollMs: 10 },
    logger,
    failPoint: (at) => {
      if (at === task.dieAt && ++passed === task.dieOn) process.kill(process.pid, 'SIGKILL')
    },
  },
  { [task.resource]: store },
)
await log.createTopic(`w.${resource.stream}`, { partitions: 1 })
if (task.finish === true) await finish()
else {
  relay.start()
  await writeForEver()
}

async function writeForEver(): Promise<void> {
  const random = createRandom(task.seed)
  const pick = (below: number): number => Math.floor(random() * below)
  if (task.dieAfterMs !== undefined) setTimeout(() => process.kill(process.pid, 'SIGKILL'), task.dieAfterMs)
  const one = async (): Promise<void> => {
    for (;;) {
      const ids = new Set(Array.from({ length: pick(4) === 0 ? 6 : 1 }, () => `e${pick(12)}`))
      const writes = [...ids].map((id): Write => {
        const fields = pick(5) === 0 ? undefined : fieldsOf(pick(1_000_000))
        const words = fields === undefined ? '' : wordsOf(resource, id, fields, 1_000)
        return { id, fields, words, ifVersion: undefined }
      })
      // Of a document only so many changes may wait.
      const written = await store.write(place, writes).catch((error: unknown) => {
        if (toFailure(error).problem === 'limit.queue_full') return []
        throw error
      })
      for (const { outcome, entry } of written) {
        if (outcome === 'written' && entry !== undefined) tell({ acknowledged: `${entry.id} ${entry.version}` })
      }
      relay.wake(task.resource)
      // An embedded store never waits for anything, so nothing else would have its turn.
      await setImmediate()
    }
  }
  await Promise.all([one(), one(), one()])
}

/** What takes a while to load is loaded by whoever needs it: most of these processes live for a moment. */
async function finish(): Promise<void> {
  const [{ startEmbeddedWarehouse }, { connectWarehouse }, { createStream, streamLimits }, { createTables }] =
    await Promise.all([
      import('../../core/storage/chdb/spawn.ts'),
      import('../../core/storage/clickhouse/connect.ts'),
      import('../../core/stream/index.ts'),
      import('../../core/stream/tables.ts'),
    ])
  const engine = await startEmbeddedWarehouse({ directory: `${task.directory}/warehouse`, log: logger })
  const warehouse = connectWarehouse({ ...engine, maxConnections: 8, log: logger })
  const deps = { log, warehouse, logger, limits: { ...streamLimits, lingerMs: 1, pauseMs: 1 } }
  // First, as ingest does it before it writes: what has no table is taken for what was dropped.
  await createTables(deps).createDatabase('w')
  const stream = createStream(deps)
  // Nobody else takes any, so what nobody gives is not there; what was lent to one that died is given a moment later.
  for (let left = 3; left > 0;) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const changes = await store.takeOutbox(100, 1)
    await send(
      'w',
      resource.stream,
      changes.map((change) => changeEvent(resource, change)),
    )
    await store.markSent(changes.map(({ key }) => key))
    left = changes.length === 0 ? left - 1 : 3
  }
  const until = { signal: AbortSignal.timeout(30_000), deadline: Date.now() + 30_000 }
  const [range] = await log.ranges(`w.${resource.stream}`)
  const last = { topic: `w.${resource.stream}`, partition: 0, offset: (range?.end ?? 0) - 1 }
  if (last.offset >= 0) await stream.waitUntilQueryable([last], until)
  const textsOf = async (table: string): Promise<string[]> => {
    const sql = `SELECT ${resource.id} AS id, version, ${numberSql} AS n FROM ${table} ORDER BY id, version`
    const rows = await warehouse.rows<{ id: string; version: number; n: string }>({ sql, database: 'w', ...until })
    return rows.map(({ id, version, n }) => `${id} ${version} ${n}`)
  }
  const kept = await store.list(place, { limit: 1_000, after: '', search: [] })
  const found = {
    changes: await textsOf(resource.stream),
    kept: kept.map(({ id, version, fields }) => `${id} ${version} ${numberOf(fields)}`),
    seen: await textsOf(`_${task.resource}`),
  }
  await stream.close()
  await warehouse.close()
  await Promise.all([engine.close(), log.close(), close()])
  await new Promise((resolve) => process.send?.({ found } satisfies Told, resolve))
  process.exit(0)
}

async function openStore(): Promise<{ readonly store: CatalogStore; close(): Promise<void> }> {
  if (task.url?.startsWith('mysql:') === true) return openMysqlItems(mysqlUrl(task.url))
  if (task.url?.startsWith('mongodb:') === true) return openMongoDocuments(mongoUrl(task.url), logger)
  const control = await openControl()
  return { store: postgresStore(control.db, task.resource), close: () => control.close() }
}

async function openControl() {
  if (task.url === undefined) {
    const { openPglite } = await import('../../core/storage/pglite/connect.ts')
    return openPglite(`${task.directory}/control`, [migrations])
  }
  const [{ openPostgres }, { databaseUrl }] = await Promise.all([
    import('../../core/storage/postgres/connect.ts'),
    import('../support/control.ts'),
  ])
  return openPostgres(databaseUrl(task.url), [migrations], logger)
}

/** What a change says is told apart by a number. */
function fieldsOf(n: number): Fields {
  if (task.resource === 'documents') return { document: { n: String(n) } }
  const attributes = { n: String(n) }
  if (task.resource === 'items') return { title: 'x', tags: [], categories: [], attributes }
  return { name: 'x', price: null, currency: null, category: '', attributes }
}

function numberOf(fields: Fields): string {
  return ((fields['document'] ?? fields['attributes']) as { readonly n: string }).n
}

function tell(what: Told): void {
  process.send?.(what)
}
