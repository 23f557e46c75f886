import { pathOf } from '#mesh/rpc/mount.ts'
import { createShedder } from '#mesh/rpc/shed.ts'
import { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { GRPCInferenceService } from '#proto/inference/inference_pb.ts'
import { type Env, parseEnv } from './env.ts'
import { createLog } from './log.ts'
import { measureLoopDelay } from './loop-delay.ts'
import { MasterKeyError, readMasterKeys } from './master-key.ts'
import { createMetrics } from './metrics.ts'
import { begin } from './roles/begin.ts'
import { startChores } from './roles/chores.ts'
import { createDomains, type Domains, migrations } from './roles/domains.ts'
import { openEngines } from './roles/engines.ts'
import { holderOf, openLeases, owned, singleRoles } from './roles/leases.ts'
import { servicesOf } from './roles/services.ts'
import { standBy } from './roles/standby.ts'
import { startWarehouse } from './roles/warehouse.ts'
import { SealError } from './seal.ts'
import { startServer } from './server.ts'
import { DirectoryError, openDataDirectory } from './storage/directory.ts'
import { DatabaseError } from './storage/database-error.ts'
import { workspaceOf } from './stream/index.ts'
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
  if (env.ROLES.has('warehouse')) return startWarehouse(env, directory, log)
  const masterKeys = readMasterKeys(directory.at('master.key'), {
    key: env.EDGEWISE_MASTER_KEY,
    file: env.EDGEWISE_MASTER_KEY_FILE,
    previous: env.EDGEWISE_MASTER_KEY_PREVIOUS,
  })
  const onStuck = (database: string): void => domains.query.holdBack(workspaceOf(database))
  const engines = await openEngines({ env, directory, migrations, log, onStuck })
  const { control, warehouse, eventLog, objects, redis, items, documents } = engines
  const leases = openLeases({ control, roles: env.ROLES, holder: holderOf(directory), log })
  await standBy(env, leases)

  const loopDelay = measureLoopDelay()
  const metrics = createMetrics()
  const delayMs = loopDelay.ms
  const domains: Domains = await createDomains({
    ...engines,
    env,
    directory,
    masterKeys,
    leases,
    tls,
    metrics,
    delayMs,
    log,
  })
  const { audit, identity, model, stream } = domains
  const adminKey = await begin(env.ROLES, domains, masterKeys, log)
  if (control.isAlone) await domains.kafka.restart()

  const shedder = createShedder({ delayMs })
  metrics.gauge('edgewise_loop_delay_seconds', 'How long what is ready to run waits.', () => loopDelay.ms() / 1000)
  if (env.ROLES.has('ingest')) {
    const labels = ['group', 'partition']
    metrics.gauges('edgewise_log_lag_records', 'Records a group has still to read.', labels, stream.lags)
  }
  metrics.gauge('edgewise_rpc_calls_running', 'Calls under way.', () => shedder.running)
  const server = await startServer({
    host: env.CORE_HOST,
    httpPort: env.CORE_HTTP_PORT,
    grpcPort: env.CORE_GRPC_PORT,
    tls,
    services: servicesOf(env.ROLES, domains),
    ports: {
      authenticate: identity.authenticate,
      open: open.map(pathOf),
      shed: shedder.interceptor,
      log: log.child({ domain: 'rpc' }),
    },
    interceptors: [owned(leases), audit.interceptor],
    metrics,
    async unready() {
      const [stores, rows, files, mysql, mongo] = await Promise.all([
        control.ping(),
        warehouse.ping(),
        objects.ping(),
        items?.ping() ?? true,
        documents?.ping() ?? true,
      ])
      const lost = singleRoles.filter((role) => env.ROLES.has(role) && !leases[role].isHeld())
      return [
        ...(stores ? [] : ['control']),
        ...(rows ? [] : ['warehouse']),
        ...(mysql ? [] : ['items']),
        ...(mongo ? [] : ['documents']),
        ...(eventLog.isReady() ? [] : ['event log']),
        ...(files ? [] : ['objects']),
        ...(redis.isReady() ? [] : ['redis']),
        ...lost.map((role) => `the lease of ${role}`),
      ]
    },
  })
  await model?.start()
  if (env.ROLES.has('ingest')) domains.catalog.start()
  const endChores = startChores({ env, domains, eventLog, leases, log })
  log.info(
    {
      http: server.http,
      grpc: server.grpc,
      data: directory.path,
      roles: [...env.ROLES],
      control: env.DATABASE_URL === undefined ? 'embedded' : env.DATABASE_URL.driver,
      warehouse: env.CLICKHOUSE_URL?.url ?? 'embedded',
      objects: env.OBJECTS_URL === undefined ? 'embedded' : 's3',
      items: env.MYSQL_URL === undefined ? 'control' : 'mysql',
      documents: env.MONGODB_URL === undefined ? 'control' : 'mongodb',
    },
    'core ready',
  )

  return {
    log,
    ready: { http: server.http, grpc: server.grpc, data: directory.path, adminKey },
    /** Doors first, then what they lead to: nothing acknowledged is in memory only when this ends. */
    async stop(): Promise<void> {
      endChores()
      loopDelay.stop()
      await server.close()
      await domains.jobs?.close()
      await model?.close()
      await domains.catalog.close()
      domains.peer?.close()
      await audit.close()
      await stream.close()
      await warehouse.close()
      await Promise.all(Object.values(leases).map((lease) => lease.release()))
      objects.close()
      await Promise.all([eventLog.close(), redis.close(), control.close(), items?.close(), documents?.close()])
      directory.release()
    },
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
