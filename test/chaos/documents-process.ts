/**
 * Documents and whoever takes their changes to the event log, in a process of its own that ends at a moment of a test's choice:
 *   node documents-process.ts '{"directory": …, "mongodb": …, "seed": 1, "dieAt": "after-send", "dieOn": 3}'
 * It says which writes were acknowledged. Where it does not die it writes nothing, sends what is left, and says what there is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { catalogLimits, migrations, mongoIndexes, mongoStore, postgresStore } from '../../core/catalog/index.ts'
import { createRelay, type FailPoint } from '../../core/catalog/relay.ts'
import type { CatalogStore } from '../../core/catalog/store.ts'
import { writeChanges } from '../../core/ingest/write-changes.ts'
import { createRandom } from '../../core/model/random.ts'
import { openMongo } from '../../core/storage/mongodb/connect.ts'
import { parseMongoUrl } from '../../core/storage/mongodb/url.ts'
import { openPglite } from '../../core/storage/pglite/connect.ts'
import { openSqliteLog } from '../../core/storage/sqlite/log.ts'

export interface Task {
  readonly directory: string
  /** Its URL; else PGlite in the directory. */
  readonly mongodb?: string
  readonly seed: number
  /** Between a row and its event, or wherever the clock finds it. */
  readonly dieAt?: FailPoint | 'clock'
  /** The how-manieth time, or after how many milliseconds. */
  readonly dieOn?: number
}

export interface Version {
  readonly id: string
  readonly version: number
}

export type Told =
  | { readonly acknowledged: Version }
  | {
      /** Of every document, also of those that were deleted. */
      readonly kept: readonly Version[]
      /** With the identity by which repeats are dropped. */
      readonly events: readonly (Version & { readonly key: string })[]
    }

const task = JSON.parse(process.argv[2] ?? '') as Task
const topic = 'main._document_changes'
const partitions = 2
const place = { workspace: 'main', collection: 'notes' }
const ids = 12

const logger = pino({ level: 'error' }, pino.destination(2))
const log = await openSqliteLog({ directory: `${task.directory}/log` })
await log.createTopic(topic, { partitions })
const { store, kept, isEmpty, close } = await (task.mongodb === undefined ? inPglite() : inMongo(task.mongodb))
const end = (): void => void process.kill(process.pid, 'SIGKILL')
let passed = 0
const relay = createRelay(
  {
    limits: { ...catalogLimits, outboxBatch: 5, leaseMs: 200, pollMs: 50 },
    logger,
    writeChanges: (workspace, stream, changes) =>
      writeChanges(
        { log, streams: { system: async () => ({ topic, partitions }) } } as never,
        workspace,
        stream,
        changes,
      ),
    failPoint(at) {
      if (at === task.dieAt && ++passed === task.dieOn) end()
    },
  },
  { documents: store } as never,
)
relay.start()
if (task.dieAt === undefined) {
  while (!(await isEmpty())) await sleep(50)
  await relay.close()
  await told({ kept: await kept(), events: await events() })
  await close()
  await log.close()
  process.exit(0)
}
if (task.dieAt === 'clock') setTimeout(end, task.dieOn)
const random = createRandom(task.seed)
await Promise.all(
  Array.from({ length: 3 }, async () => {
    for (;;) {
      const id = `d${Math.floor(random() * ids)}`
      const fields = random() < 0.2 ? undefined : { document: { n: random() } }
      const written = await store.write(place, [{ id, fields, words: '', ifVersion: undefined }]).catch(() => [])
      relay.wake('documents')
      const version = written[0]?.entry?.version
      if (version !== undefined) await told({ acknowledged: { id, version } })
      await sleep(random() * 5)
    }
  }),
)

async function inPglite() {
  const { db, close: closeControl } = await openPglite(`${task.directory}/control`, [migrations])
  const of = async (text: string) => ((await db.execute(sql.raw(text))) as { readonly rows: readonly unknown[] }).rows
  return {
    store: postgresStore(db, 'documents') as CatalogStore,
    kept: async () => (await of('select id, version from catalog_documents order by id')) as readonly Version[],
    isEmpty: async () => (await of('select 1 from catalog_outbox limit 1')).length === 0,
    close: closeControl,
  }
}

async function inMongo(text: string) {
  const url = parseMongoUrl(text)
  if (typeof url === 'string') throw new Error(url)
  const mongo = await openMongo(url, mongoIndexes, logger)
  return {
    store: mongoStore(mongo),
    kept: () =>
      mongo.use((db) =>
        db
          .collection('documents')
          .find<Version>({}, { projection: { _id: 0, id: 1, version: 1 } })
          .toArray(),
      ),
    isEmpty: () =>
      mongo.use(async (db) => (await db.collection('documents').countDocuments({ freeAt: { $exists: true } })) === 0),
    close: mongo.close,
  }
}

async function events() {
  const found: (Version & { readonly key: string })[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for (let from = 0; ;) {
      const records = await log.read(topic, partition, from, { maxRecords: 1_000, maxBytes: 1 << 24 })
      if (records.length === 0) break
      for (const { key, value, offset } of records) {
        const { id, version } = JSON.parse(value) as Version
        found.push({ id, version, key: Buffer.from(key ?? []).toString('hex') })
        from = offset + 1
      }
    }
  }
  return found
}

function told(what: Told): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve()
    else process.send(what, () => resolve())
  })
}
