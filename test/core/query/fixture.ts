import { migrations as auditMigrations } from '../../../core/audit/index.ts'
import { pino, type Logger } from 'pino'
import { createBudgets } from '../../../core/budgets.ts'
import { createQuery, defaultQueryLimits, migrations, type QueryLimits } from '../../../core/query/index.ts'
import { migrations as configMigrations } from '../../../core/config/index.ts'
import { migrations as ingestMigrations } from '../../../core/ingest/index.ts'
import { insertStream } from '../../../core/ingest/store.ts'
import { maskedDatabase } from '../../../core/stream/index.ts'
import { type MaskedColumn, maskedViewSql } from '../../../core/stream/masked.ts'
import { startEmbeddedWarehouse } from '../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../core/storage/clickhouse/connect.ts'
import type { Warehouse } from '../../../core/storage/warehouse.ts'
import { Failure } from '../../../mesh/errors.ts'
import { type ClickHouse, Format } from '../../../proto/gen/edgewise/query/v1/query_pb.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'
import { temporaryDirectory } from '../../support/directory.ts'

export type Who = Parameters<typeof callBy>[0]

/** Everything a query needs, real; two workspaces with streams in them. */
export async function startQuery(limits: Partial<QueryLimits> = {}) {
  const directory = temporaryDirectory()
  const log = pino({ level: 'silent' })
  const engine = await startEmbeddedWarehouse({ directory: directory.path, log })
  const warehouse = connectWarehouse({ ...engine, maxConnections: 16, log })
  // At once: an idle connection is closed by the other side, and a statement that changes something is not sent twice.
  await fill(warehouse)
  const control = await freshControl([auditMigrations, configMigrations, ingestMigrations, migrations])
  const lines: Record<string, unknown>[] = []
  const budgets = createBudgets({ now: Date.now, onNear: (_, { unit }) => lines.push({ near: unit }) })
  const domain = (more: Partial<QueryLimits> = {}) =>
    createQuery({
      db: control.db,
      warehouse,
      log: recorder(lines),
      limits: { ...defaultQueryLimits, ...limits, ...more },
      budgets,
    })
  return {
    service: domain().service,
    /** Another domain over the same stores, with other limits. */
    domain,
    withLimits: (more: Partial<QueryLimits>) => domain(more).service,
    warehouse,
    budgets,
    db: control.db,
    /** What was logged. */
    lines,
    async close() {
      await warehouse.close()
      await engine.close()
      await control.close()
      directory.remove()
    },
  }
}

export type Fixture = Awaited<ReturnType<typeof startQuery>>

/** As a stream is known that has personal data; its table is there already. */
export async function declare(
  { warehouse, db }: Pick<Fixture, 'warehouse' | 'db'>,
  workspace: string,
  name: string,
  columns: readonly MaskedColumn[],
): Promise<void> {
  await warehouse.command(`CREATE DATABASE IF NOT EXISTS ${maskedDatabase(workspace)}`)
  await warehouse.command(maskedViewSql(workspace, name, columns, warehouse.layout.onCluster))
  const rest = { orderBy: [], partitionBy: '', ttl: '', id: '', time: '', jsonSchema: '', version: 1 }
  await insertStream(db, { workspace, name, columns: [...columns], ...rest, onUnknown: 'add', state: 'ready' })
}

function recorder(lines: Record<string, unknown>[]): Logger {
  return pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) })
}

async function fill(warehouse: Warehouse): Promise<void> {
  const hidden = '_partition UInt16 MATERIALIZED 0, _offset UInt64 MATERIALIZED 0'
  for (const statement of [
    'CREATE DATABASE main',
    'CREATE DATABASE other',
    `CREATE TABLE main.orders (id UInt64, tenant String, amount Float64, kind LowCardinality(String), at DateTime64(3), ` +
      `tags Array(String), note String, ${hidden}) ENGINE = MergeTree ORDER BY id`,
    `INSERT INTO main.orders VALUES (1, 'a', 10, 'x', '2026-01-01 00:00:00', ['r','s'], '5'), ` +
      `(2, 'b', 20, 'y', '2026-01-02 00:00:00', [], 'SECRET'), (3, 'a', 30, 'y', '2026-01-03 00:00:00', ['r'], '7'), ` +
      `(4, 'c', 40, 'z', '2026-01-04 00:00:00', ['t'], 'HIDDEN')`,
    `CREATE TABLE main.customers (tenant String, name String, ${hidden}) ENGINE = MergeTree ORDER BY tenant`,
    `INSERT INTO main.customers VALUES ('a', 'Ann'), ('b', 'Bob'), ('c', 'Cid')`,
    `CREATE TABLE main.secret (id UInt64, tenant String, ${hidden}) ENGINE = MergeTree ORDER BY id`,
    `INSERT INTO main.secret VALUES (1, 'hush')`,
    `CREATE TABLE other.t (id UInt64, word String) ENGINE = MergeTree ORDER BY id`,
    `INSERT INTO other.t VALUES (1, 'foreign')`,
    `CREATE TABLE other.j (id UInt64, word String) ENGINE = Join(ANY, LEFT, id)`,
    `INSERT INTO other.j VALUES (1, 'foreign')`,
  ]) {
    await warehouse.command(statement)
  }
}

export const analyst = { scopes: ['sql:read', 'queries:read', 'queries:write', 'endpoints:read'] } satisfies Who

/** Sees the rows of tenant a, of two streams. */
export const tenantA = {
  ...analyst,
  filters: [
    { stream: 'orders', column: 'tenant', values: ['a'] },
    { stream: 'customers', column: 'tenant', values: ['a'] },
  ],
} satisfies Who

export interface Answer {
  readonly contentType: string
  readonly version: number
  readonly bytes: Buffer
  readonly text: string
  readonly rows: readonly Record<string, unknown>[]
  readonly tail: { readonly rows: bigint; readonly rowsRead?: bigint | undefined } | undefined
}

interface Request {
  readonly params?: Record<string, string>
  readonly format?: Format
  readonly timezone?: string
  readonly int64AsString?: boolean
  readonly timeoutMs?: number
  readonly clickhouse?: ClickHouse
}

type Service = Fixture['service']

export async function sql(service: Service, who: Who, text: string, more: Request = {}): Promise<Answer> {
  const { timeoutMs, ...request } = { params: {}, format: Format.NDJSON, timezone: '', int64AsString: false, ...more }
  return collect(
    service.runSql({ $typeName: 'edgewise.query.v1.RunSqlRequest', sql: text, ...request }, callBy(who, timeoutMs)),
  )
}

export async function callQuery(
  service: Service,
  who: Who,
  name: string,
  more: Request & { readonly version?: number } = {},
): Promise<Answer> {
  const { timeoutMs, ...request } = {
    params: {},
    format: Format.NDJSON,
    timezone: '',
    int64AsString: false,
    version: 0,
    ...more,
  }
  return collect(
    service.callQuery({ $typeName: 'edgewise.query.v1.CallQueryRequest', name, ...request }, callBy(who, timeoutMs)),
  )
}

async function collect(chunks: ReturnType<Service['runSql']>): Promise<Answer> {
  let head = { contentType: '', queryVersion: 0 }
  let tail: Answer['tail']
  const parts: Uint8Array[] = []
  for await (const { piece } of chunks) {
    if (piece.case === 'head') head = piece.value
    else if (piece.case === 'body') parts.push(piece.value)
    else if (piece.case === 'tail') tail = piece.value
  }
  const bytes = Buffer.concat(parts)
  const text = bytes.toString('utf8')
  const lines = head.contentType === 'application/x-ndjson' ? text.split('\n').filter((line) => line !== '') : []
  return {
    contentType: head.contentType,
    version: head.queryVersion,
    bytes,
    text,
    rows: lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    tail,
  }
}

/** The failure that it ends in. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown
    throw thrown
  }
  throw new Error('It did not fail.')
}
