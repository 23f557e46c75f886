import { migrations as auditMigrations } from '../../../core/audit/index.ts'
import { entries } from '../../../core/audit/schema.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { eq } from 'drizzle-orm'
import { pino } from 'pino'
import {
  DeleteRowsRequestSchema,
  DeleteStreamRequestSchema,
  DiscardQuarantineRequestSchema,
  GetStreamRequestSchema,
  ListQuarantineRequestSchema,
  ListStreamsRequestSchema,
  PutStreamRequestSchema,
  ReplayQuarantineRequestSchema,
  ReplayStreamRequestSchema,
  TruncateStreamRequestSchema,
  WriteEventsRequestSchema,
  ReadUsageRequestSchema,
  WriteUsageRequestSchema,
} from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { createBudgets } from '../../../core/budgets.ts'
import { migrations as configMigrations } from '../../../core/config/index.ts'
import { createIngest, ingestLimits, migrations, type StreamDomain } from '../../../core/ingest/index.ts'
import { createQuery, defaultQueryLimits } from '../../../core/query/index.ts'
import { startEmbeddedWarehouse } from '../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../core/storage/clickhouse/connect.ts'
import { openSqliteLog } from '../../../core/storage/sqlite/log.ts'
import { createStream, streamLimits } from '../../../core/stream/index.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'

type Init<S extends Parameters<typeof create>[0]> = Parameters<typeof create<S>>[1]

export const everyScope = [
  'events:write',
  'streams:read',
  'streams:create',
  'streams:write',
  'quarantine:read',
  'quarantine:write',
  'sql:read',
]

/** Ingest on the real engines: log, warehouse and control store in a directory of its own. */
export async function openWorld(limits: Partial<typeof ingestLimits> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'ingest-'))
  const logger = pino({ level: 'silent' })
  const [log, embedded, control] = await Promise.all([
    openSqliteLog({ directory: join(directory, 'log') }),
    startEmbeddedWarehouse({ directory: join(directory, 'warehouse'), readSlots: 2, writeSlots: 2, log: logger }),
    freshControl([auditMigrations, configMigrations, migrations]),
  ])
  const warehouse = connectWarehouse({ ...embedded, maxConnections: 8, log: logger })
  const stream = createStream({ log, warehouse, logger, limits: { ...streamLimits, lingerMs: 5, pauseMs: 20 } })
  const budgets = createBudgets({ now: Date.now, onNear: () => undefined })
  const query = createQuery({ db: control.db, warehouse, log: logger, limits: defaultQueryLimits, budgets })
  const options = {
    selectRows: query.selectRows,
    db: control.db,
    log,
    warehouse,
    stream: stream satisfies StreamDomain,
    logger,
    limits: { ...ingestLimits, ...limits },
    partitions: 4,
    onUsed: () => undefined,
    budgets,
  }
  const { service, maskStreams } = createIngest(options)

  return {
    ...driver(service),
    log,
    warehouse,
    maskStreams,
    /** As after a restart: nothing is remembered but what was stored. */
    reopen: (tables: Partial<StreamDomain['tables']> = {}) =>
      driver(createIngest({ ...options, stream: { ...stream, tables: { ...stream.tables, ...tables } } }).service),
    /** What the warehouse answers. */
    rows: <Row = Record<string, unknown>>(sql: string, workspace = 'main') =>
      warehouse.rows<Row>({
        sql,
        database: workspace,
        settings: { final: 1 },
        deadline: Date.now() + 20_000,
        signal: new AbortController().signal,
      }),
    /** What the audit log says was done, oldest first. */
    async audited(action: string): Promise<readonly unknown[]> {
      const { db } = control
      const found = await db.select().from(entries).where(eq(entries.action, action)).orderBy(entries.seq)
      return found.map(({ detail }) => JSON.parse(detail) as unknown)
    },
    async close() {
      await stream.close()
      await warehouse.close()
      await embedded.close()
      await log.close()
      await control.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export type World = Awaited<ReturnType<typeof openWorld>>
type ActorInit = Parameters<typeof callBy>[0]

/** The service's calls, by an actor that may everything unless another is given. */
function driver(service: ReturnType<typeof createIngest>['service']) {
  const as = (actor: ActorInit = {}) => callBy({ workspace: 'main', id: 'key_test', scopes: everyScope, ...actor })
  return {
    write: (
      stream: string,
      body: string | Uint8Array,
      init: Init<typeof WriteEventsRequestSchema> = {},
      actor?: ActorInit,
    ) =>
      service.writeEvents(
        create(WriteEventsRequestSchema, {
          stream,
          body: typeof body === 'string' ? Buffer.from(body) : body,
          contentType: 'application/x-ndjson',
          wait: true,
          ...init,
        }),
        as(actor),
      ),
    usage: (init: Init<typeof WriteUsageRequestSchema>, actor?: ActorInit) =>
      service.writeUsage(create(WriteUsageRequestSchema, init), as(actor)),
    used: (init: Init<typeof ReadUsageRequestSchema> = {}, actor?: ActorInit) =>
      service.readUsage(create(ReadUsageRequestSchema, init), as({ scopes: ['usage:read'], ...actor })),
    put: (init: Init<typeof PutStreamRequestSchema>, actor?: ActorInit) =>
      service.putStream(create(PutStreamRequestSchema, init), as(actor)),
    get: (name: string, actor?: ActorInit) => service.getStream(create(GetStreamRequestSchema, { name }), as(actor)),
    list: (init: Init<typeof ListStreamsRequestSchema> = {}, actor?: ActorInit) =>
      service.listStreams(create(ListStreamsRequestSchema, init), as(actor)),
    drop: (name: string, actor?: ActorInit) =>
      service.deleteStream(create(DeleteStreamRequestSchema, { name }), as(actor)),
    truncate: (name: string, actor?: ActorInit) =>
      service.truncateStream(create(TruncateStreamRequestSchema, { name }), as(actor)),
    readAgain: (init: Init<typeof ReplayStreamRequestSchema>, actor?: ActorInit) =>
      service.replayStream(create(ReplayStreamRequestSchema, init), as(actor)),
    deleteRows: (init: Init<typeof DeleteRowsRequestSchema>, actor?: ActorInit) =>
      service.deleteRows(create(DeleteRowsRequestSchema, init), as(actor)),
    quarantine: (init: Init<typeof ListQuarantineRequestSchema>, actor?: ActorInit) =>
      service.listQuarantine(create(ListQuarantineRequestSchema, init), as(actor)),
    replay: (init: Init<typeof ReplayQuarantineRequestSchema>, actor?: ActorInit) =>
      service.replayQuarantine(create(ReplayQuarantineRequestSchema, init), as(actor)),
    discard: (init: Init<typeof DiscardQuarantineRequestSchema>, actor?: ActorInit) =>
      service.discardQuarantine(create(DiscardQuarantineRequestSchema, init), as(actor)),
  }
}
