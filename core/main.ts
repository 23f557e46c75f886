import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '#mesh/errors.ts'
import { pathOf } from '#mesh/rpc/mount.ts'
import { createShedder } from '#mesh/rpc/shed.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { GRPCInferenceService } from '#proto/inference/inference_pb.ts'
import { createAudit, migrations as audit } from './audit/index.ts'
import { createBudgets } from './budgets.ts'
import {
  createCatalog,
  migrations as catalog,
  openMongoDocuments,
  openMysqlItems,
  postgresStore,
} from './catalog/index.ts'
import { version } from './cli/root.ts'
import { createConfig, migrations as config } from './config/index.ts'
import { type Env, parseEnv } from './env.ts'
import { createIdentity, createServices, migrations as identity } from './identity/index.ts'
import { createIngest, migrations as ingest } from './ingest/index.ts'
import { createMetrics } from './metrics.ts'
import { createModel, migrations as models } from './model/index.ts'
import { createQuery, migrations as queries } from './query/index.ts'
import { limits } from './limits.ts'
import { createLog } from './log.ts'
import { measureLoopDelay } from './loop-delay.ts'
import { MasterKeyError, readMasterKeys } from './master-key.ts'
import { createOutbound } from './outbound.ts'
import { createSeal, SealError } from './seal.ts'
import { secretFile } from './secrets.ts'
import { startServer } from './server.ts'
import { startEmbeddedWarehouse } from './storage/chdb/spawn.ts'
import { connectWarehouse } from './storage/clickhouse/connect.ts'
import { DirectoryError, keepToLog, openDataDirectory } from './storage/directory.ts'
import { openJobs } from './storage/jobs.ts'
import type { KafkaOptions } from './storage/kafka/url.ts'
import { openObjectFolder } from './storage/objects.ts'
import { openPglite } from './storage/pglite/connect.ts'
import { openPostgres } from './storage/postgres/connect.ts'
import { DatabaseError } from './storage/postgres/start.ts'
import { openSqliteLog } from './storage/sqlite/log.ts'
import { consumerGroups, createStream, workspaceOf } from './stream/index.ts'
import { readTls } from './tls.ts'

/** Where a credential comes from, and what health is asked by. */
const open = [
  TokenService.method.issueToken,
  UserService.method.acceptInvitation,
  GRPCInferenceService.method.serverLive,
  GRPCInferenceService.method.serverReady,
  GRPCInferenceService.method.serverMetadata,
]

/** The composition root of the core: everything it is made of, in the order in which it needs one another. */
async function start(env: Env) {
  const log = createLog(env.LOG_LEVEL)
  const tls = readTls(env)
  const directory = openDataDirectory(env.EDGEWISE_DATA)
  const masterKeys = readMasterKeys(directory.at('master.key'), {
    key: env.EDGEWISE_MASTER_KEY,
    file: env.EDGEWISE_MASTER_KEY_FILE,
    previous: env.EDGEWISE_MASTER_KEY_PREVIOUS,
  })
  const migrations = [audit, catalog, config, identity, ingest, models, queries]
  const [control, engine, eventLog, items, documents] = await Promise.all([
    env.DATABASE_URL === undefined
      ? openPglite(directory.at('control'), migrations)
      : openPostgres(env.DATABASE_URL, migrations, log.child({ engine: 'postgres' })),
    startEmbeddedWarehouse({
      directory: directory.at('warehouse'),
      readSlots: env.WAREHOUSE_READ_SLOTS,
      writeSlots: env.WAREHOUSE_WRITE_SLOTS,
      memoryBytes: env.WAREHOUSE_MEMORY_BYTES,
      log: log.child({ engine: 'warehouse' }),
      onStuck: (database) => domains.query.holdBack(workspaceOf(database)),
    }),
    env.KAFKA_URL === undefined
      ? openSqliteLog({
          directory: directory.at('log'),
          onFatal(error) {
            // Nothing can be acknowledged any more; whoever supervises this process starts another.
            log.fatal({ err: error }, 'the event log died')
            process.exit(70)
          },
        })
      : openKafka(env.KAFKA_URL),
    env.MYSQL_URL && openMysqlItems(env.MYSQL_URL),
    env.MONGODB_URL && openMongoDocuments(env.MONGODB_URL, log.child({ engine: 'mongodb' })),
  ])
  keepToLog(directory, eventLog.identity)
  const { db } = control
  const warehouse = connectWarehouse({ ...engine, maxConnections: limits.warehouse.maxConnections, log })

  const loopDelay = measureLoopDelay()
  const stream = createStream({
    delayMs: loopDelay.ms,
    log: eventLog,
    warehouse,
    logger: log.child({ domain: 'stream' }),
    limits: limits.stream,
  })
  const metrics = createMetrics()
  const seal = createSeal(masterKeys.current, masterKeys.previous)
  const budgets = createBudgets({
    now: Date.now,
    onNear: ({ workspace, id }, { unit, limit, windowMs }) =>
      log.warn({ workspace, actor: id, unit, limit, window_s: windowMs / 1000 }, 'four fifths of a plan are used'),
  })
  const query = createQuery({
    db,
    warehouse,
    log: log.child({ domain: 'query' }),
    limits: limits.query,
    budgets,
    statements: (ctx, sql, params) => domains.model.answerSql(ctx, sql, params),
    served: (ctx, model) => domains.model.servedTable(ctx, model),
  })
  const jobs = await openJobs({ ...control.jobs, log: log.child({ domain: 'jobs' }) })
  const domains = {
    audit: createAudit({
      db,
      seal,
      isAlone: control.isAlone,
      log: eventLog,
      logger: log.child({ domain: 'audit' }),
      createDatabase: (workspace) => stream.tables.createDatabase(workspace),
      retentionMs: env.AUDIT_RETENTION_DAYS * 86_400_000,
      onDropped: metrics.counter('edgewise_audit_dropped_total', 'Refusals that could not be recorded.'),
    }),
    catalog: createCatalog({
      stores: {
        products: postgresStore(db, 'products'),
        items: items?.store ?? postgresStore(db, 'items'),
        documents: documents?.store ?? postgresStore(db, 'documents'),
      },
      writeChanges: (workspace, into, changes): Promise<void> => domains.ingest.writeChanges(workspace, into, changes),
      budgets,
      limits: limits.catalog,
      logger: log.child({ domain: 'catalog' }),
    }),
    config: createConfig({ db, seal, upstreams: env.UPSTREAM_ALLOW }),
    identity: createIdentity({
      db,
      edgeToken: env.EDGE_TOKEN ?? secretFile(directory.at('edge.token')),
      operatorToken: secretFile(directory.at('operator.token')),
      serviceOf: createServices(env.SERVICE_IDENTITIES, { forwarded: env.FORWARDED_CLIENT_CERT === 'loopback' }),
      defaultPlan: {
        name: 'standard',
        requests: env.DEFAULT_PLAN_REQUESTS,
        windowSeconds: env.DEFAULT_PLAN_WINDOW_SECONDS,
      },
      now: Date.now,
      createDatabase: (workspace) => stream.tables.createDatabase(workspace),
      issuerUrl: env.PUBLIC_URL,
      seal,
      outbound: createOutbound(env.OUTBOUND_ALLOW),
      noteRefusal: (refusal) => domains.audit.note(refusal),
    }),
    ingest: createIngest({
      db,
      log: eventLog,
      warehouse,
      stream,
      selectRows: query.selectRows,
      logger: log.child({ domain: 'ingest' }),
      limits: limits.ingest,
      budgets,
      partitions: env.LOG_PARTITIONS,
      onUsed: (workspace, actor) => domains.identity.used(workspace, actor),
    }),
    query,
    model: createModel({
      db,
      objects: openObjectFolder(directory.at('objects')),
      jobs,
      reading: query,
      appendPredictions: (workspace, rows): Promise<void> => domains.ingest.appendPredictions(workspace, rows),
      onServedDropped: metrics.counter('edgewise_predictions_dropped_total', 'Served here and not recorded.'),
      onShadowSkipped: metrics.counter('edgewise_shadow_skipped_total', 'Rows recorded without their shadow.'),
      log: log.child({ domain: 'model' }),
      limits: limits.model,
      ownerNow: (owner): Promise<Actor | undefined> => domains.identity.ownerNow(owner),
      writeAlarms: (workspace, alarms): Promise<void> => domains.ingest.writeAlarms(workspace, alarms),
      code: version(),
      now: Date.now,
    }),
  }
  // A master key that is not the one of before is found out now, and not by the first who needs a secret.
  await domains.audit.reseal()
  await domains.config.reseal()
  const resealed = await domains.identity.reseal()
  if (resealed > 0) log.warn({ secrets: resealed, key: masterKeys.from }, 'secrets are under the new master key')
  // Not at once: what was just written does not survive a power cut yet, and the old key would open what comes back.
  else masterKeys.settled()
  await afterRestarts(() => domains.ingest.maskStreams())
  const adminKey = await afterRestarts(() => domains.identity.bootstrap())
  const interrupted = await domains.audit.settle()
  if (interrupted > 0) log.warn({ changes: interrupted }, 'changes that were cut short are in the audit log')

  const shedder = createShedder({ delayMs: loopDelay.ms })
  metrics.gauge('edgewise_loop_delay_seconds', 'How long what is ready to run waits.', () => loopDelay.ms() / 1000)
  metrics.gauge('edgewise_rpc_calls_running', 'Calls under way.', () => shedder.running)
  const server = await startServer({
    host: env.CORE_HOST,
    httpPort: env.CORE_HTTP_PORT,
    grpcPort: env.CORE_GRPC_PORT,
    tls,
    services: {
      identity: domains.identity.service,
      tokens: domains.identity.tokens,
      users: domains.identity.users,
      audit: domains.audit.service,
      catalog: domains.catalog.service,
      config: domains.config.service,
      gateway: domains.config.gateway,
      ingest: domains.ingest.service,
      query: domains.query.service,
      model: domains.model.service,
      inference: domains.model.inference,
    },
    ports: {
      authenticate: domains.identity.authenticate,
      open: open.map(pathOf),
      shed: shedder.interceptor,
      log: log.child({ domain: 'rpc' }),
    },
    interceptors: [domains.audit.interceptor],
    metrics,
    async unready() {
      const [stores, rows, mysql, mongo] = await Promise.all([
        control.ping(),
        warehouse.ping(),
        items?.ping() ?? true,
        documents?.ping() ?? true,
      ])
      return [
        ...(stores ? [] : ['control']),
        ...(rows ? [] : ['warehouse']),
        ...(mysql ? [] : ['items']),
        ...(mongo ? [] : ['documents']),
        ...(eventLog.isReady() ? [] : ['event log']),
      ]
    },
  })
  const chores = setInterval(() => {
    const now = Date.now()
    Promise.all([
      domains.audit.tend(now),
      domains.config.prune(now),
      domains.ingest.prune(now),
      domains.identity.tend(),
      domains.model.tend(),
      eventLog.expire({ before: now - env.LOG_RETENTION_HOURS * 3_600_000, groups: consumerGroups }),
    ]).catch((error: unknown) => log.error({ err: error }, 'a chore failed; it is tried again in a minute'))
  }, 60_000)
  await domains.model.start()
  domains.catalog.start()
  const tending = [domains.model.tendRollouts, domains.model.tendWatches].map((tend) => {
    let isTending = false
    return setInterval(() => {
      if (isTending) return
      isTending = true
      tend()
        .catch((error: unknown) => log.error({ err: error }, 'models could not be looked after; again in a second'))
        .finally(() => (isTending = false))
    }, 1_000)
  })
  log.info(
    {
      http: server.http,
      grpc: server.grpc,
      data: directory.path,
      roles: env.ROLES,
      control: env.DATABASE_URL === undefined ? 'embedded' : env.DATABASE_URL.driver,
      items: env.MYSQL_URL === undefined ? 'control' : 'mysql',
    },
    'core ready',
  )

  return {
    log,
    ready: { http: server.http, grpc: server.grpc, data: directory.path, adminKey },
    /** Doors first, then what they lead to: nothing acknowledged is in memory only when this ends. */
    async stop(): Promise<void> {
      clearInterval(chores)
      for (const timer of tending) clearInterval(timer)
      loopDelay.stop()
      await server.close()
      await jobs.close()
      await domains.model.close()
      await domains.catalog.close()
      await domains.audit.close()
      await stream.close()
      await warehouse.close()
      await Promise.all([engine.close(), eventLog.close(), control.close(), items?.close(), documents?.close()])
      directory.release()
    },
  }
}

/** Loaded only where it is used: its client takes half a second and 60 MB. */
async function openKafka(options: KafkaOptions) {
  const { openKafkaLog } = await import('./storage/kafka/log.ts')
  return openKafkaLog(options)
}

/** What may be begun again, whenever the warehouse's process goes away amid it. */
async function afterRestarts<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 5; ; left--) {
    try {
      return await work()
    } catch (thrown) {
      if (left === 0 || !(thrown instanceof Failure) || thrown.problem !== 'warehouse.restarted') throw thrown
      await sleep(thrown.retryAfterMs ?? 1_000)
    }
  }
}

async function main(): Promise<void> {
  // Whoever started the core over a channel is gone: an orphan would hold the data directory.
  let orphaned = (): void => process.exit(1)
  process.on('disconnect', () => orphaned())
  const core = await start(parseEnv())
  process.send?.({ ready: true, ...core.ready })
  let stopping = false
  const stop = (why: string): void => {
    if (stopping) return
    stopping = true
    core.log.info({ why }, 'core stopping')
    core.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        core.log.error({ err: error }, 'core did not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  orphaned = () => stop('the parent is gone')
}

main().catch((error: unknown) => {
  // Before the log is up, and for people: one line, and an exit code that says what kind of trouble it is.
  const wayOut =
    error instanceof SealError
      ? ' Set EDGEWISE_MASTER_KEY_PREVIOUS to the master key of before, or put its file back.'
      : ''
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${wayOut}\n`)
  if (error instanceof DirectoryError || error instanceof DatabaseError) process.exit(error.exitCode)
  if (error instanceof SealError || error instanceof MasterKeyError) process.exit(78)
  process.exit(error instanceof Error && error.message.startsWith('The configuration') ? 78 : 70)
})
