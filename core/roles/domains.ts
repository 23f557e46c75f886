import type { Logger } from 'pino'
import type { GrpcTls } from '#mesh/rpc/node/server.ts'
import { type Audit, createAudit, migrations as audit } from '../audit/index.ts'
import { createBudgets } from '../budgets.ts'
import { type Catalog, createCatalog, migrations as catalogs, postgresStore } from '../catalog/index.ts'
import { version } from '../cli/root.ts'
import { type Config, createConfig, migrations as config } from '../config/index.ts'
import type { Env } from '../env.ts'
import {
  createAssertions,
  createIdentity,
  createServices,
  type Identity,
  migrations as identity,
} from '../identity/index.ts'
import { createIngest, type Ingest, migrations as ingest } from '../ingest/index.ts'
import { createKafka, type Kafka, migrations as kafkas } from '../kafka/index.ts'
import { limits } from '../limits.ts'
import type { MasterKeys } from '../master-key.ts'
import type { Metrics } from '../metrics.ts'
import { createModel, type ModelDomain, migrations as models, openModelsElsewhere } from '../model/index.ts'
import { createOutbound } from '../outbound.ts'
import { createQuery, migrations as queries, type QueryDomain } from '../query/index.ts'
import { createRedis, type Redis } from '../redis/index.ts'
import { createSeal } from '../seal.ts'
import { secretFile } from '../secrets.ts'
import type { DataDirectory } from '../storage/directory.ts'
import { type Jobs, openJobs } from '../storage/jobs.ts'
import { createStream, type StreamDomain } from '../stream/index.ts'
import type { Engines } from './engines.ts'
import type { Leases } from './leases.ts'
import { connectModels } from './models.ts'

export const migrations = [audit, catalogs, config, identity, ingest, kafkas, models, queries]

export interface DomainsOptions extends Engines {
  readonly env: Env
  readonly directory: DataDirectory
  readonly masterKeys: MasterKeys
  readonly leases: Leases
  readonly tls: GrpcTls | undefined
  readonly metrics: Metrics
  /** How busy this process is. */
  readonly delayMs: () => number
  readonly log: Logger
}

export interface Domains {
  readonly audit: Audit
  readonly catalog: Catalog
  readonly config: Config
  readonly identity: Identity
  readonly stream: StreamDomain
  readonly ingest: Ingest
  readonly kafka: Kafka
  readonly query: QueryDomain
  readonly redis: Redis
  /** Where this process is to have models. */
  readonly model: ModelDomain | undefined
  /** Where another has them. */
  readonly peer: ReturnType<typeof connectModels> | undefined
  readonly jobs: Jobs | undefined
  readonly queryService: QueryDomain['service']
}

/**
 * Every domain over the shared engines, whichever roles this process has: what a domain asks of another is answered here,
 * from the same stores. What only one process has in its memory is another matter: the sink, which is begun where `ingest`
 * is, and models, which are asked for by gRPC where `model` is elsewhere.
 */
export async function createDomains(options: DomainsOptions): Promise<Domains> {
  const {
    env,
    directory,
    masterKeys,
    control,
    warehouse,
    eventLog,
    objects,
    redis,
    items,
    documents,
    leases,
    tls,
    metrics,
    delayMs,
    log,
  } = options
  const { db } = control
  const now = Date.now
  const seal = createSeal(masterKeys.current, masterKeys.previous)
  const assertions = createAssertions(masterKeys.current, masterKeys.previous, now)
  const stream = createStream(
    {
      delayMs,
      log: eventLog,
      warehouse,
      logger: log.child({ domain: 'stream' }),
      limits: limits.stream,
    },
    { sinks: env.ROLES.has('ingest') },
  )
  const createDatabase = (workspace: string): Promise<void> => stream.tables.createDatabase(workspace)
  const budgets = createBudgets({
    now,
    onNear: ({ workspace, id }, { unit, limit, windowMs }) =>
      log.warn({ workspace, actor: id, unit, limit, window_s: windowMs / 1000 }, 'four fifths of a plan are used'),
  })

  const audit = createAudit({
    db,
    seal,
    isAlone: control.isAlone,
    log: eventLog,
    logger: log.child({ domain: 'audit' }),
    createDatabase,
    isOwner: () => env.ROLES.has('identity') && leases.identity.isHeld(),
    retentionMs: env.AUDIT_RETENTION_DAYS * 86_400_000,
    onDropped: metrics.counter('edgewise_audit_dropped_total', 'Refusals that could not be recorded.'),
  })
  const identity = createIdentity({
    db,
    assertions,
    edgeToken: env.EDGE_TOKEN ?? secretFile(directory.at('edge.token')),
    operatorToken: secretFile(directory.at('operator.token')),
    serviceOf: createServices(env.SERVICE_IDENTITIES, { forwarded: env.FORWARDED_CLIENT_CERT === 'loopback' }),
    defaultPlan: {
      name: 'standard',
      requests: env.DEFAULT_PLAN_REQUESTS,
      windowSeconds: env.DEFAULT_PLAN_WINDOW_SECONDS,
    },
    now,
    createDatabase,
    issuerUrl: env.PUBLIC_URL,
    seal,
    outbound: createOutbound(env.OUTBOUND_ALLOW),
    noteRefusal: audit.note,
  })

  const peer =
    env.ROLES.has('model') || env.MODEL_GRPC === undefined ? undefined : connectModels(env.MODEL_GRPC, tls, assertions)
  const elsewhere = peer && openModelsElsewhere({ db, limits: limits.model, now, artefact: peer.artefact })
  const query: QueryDomain = createQuery({
    db,
    warehouse,
    log: log.child({ domain: 'query' }),
    limits: limits.query,
    budgets,
    ...(env.ROLES.has('model') && { statements: async (ctx, sql, params) => model?.answerSql(ctx, sql, params) }),
    ...((elsewhere !== undefined || env.ROLES.has('model')) && {
      served: (ctx, name) => (elsewhere ?? model!).servedTable(ctx, name),
    }),
  })
  const ingest = createIngest({
    db,
    log: eventLog,
    warehouse,
    stream,
    selectRows: query.selectRows,
    logger: log.child({ domain: 'ingest' }),
    limits: limits.ingest,
    budgets,
    partitions: env.LOG_PARTITIONS,
    onUsed: identity.used,
  })
  const catalog = createCatalog({
    stores: {
      products: postgresStore(db, 'products'),
      items: items?.store ?? postgresStore(db, 'items'),
      documents: documents?.store ?? postgresStore(db, 'documents'),
    },
    writeChanges: ingest.writeChanges,
    budgets,
    limits: limits.catalog,
    logger: log.child({ domain: 'catalog' }),
  })
  const kafka = createKafka({
    db,
    log: eventLog,
    budgets,
    limits: limits.kafka,
    partitions: env.LOG_PARTITIONS,
    retentionMs: env.LOG_RETENTION_HOURS * 3_600_000,
    produceRows: ingest.produceRows,
    now,
  })
  const jobs = env.ROLES.has('model')
    ? await openJobs({ ...control.jobs, log: log.child({ domain: 'jobs' }) })
    : undefined
  const model: ModelDomain | undefined =
    jobs &&
    createModel({
      db,
      objects,
      jobs,
      reading: query,
      appendPredictions: ingest.appendPredictions,
      onServedDropped: metrics.counter('edgewise_predictions_dropped_total', 'Served here and not recorded.'),
      onShadowSkipped: metrics.counter('edgewise_shadow_skipped_total', 'Rows recorded without their shadow.'),
      log: log.child({ domain: 'model' }),
      limits: limits.model,
      ownerNow: identity.ownerNow,
      writeAlarms: ingest.writeAlarms,
      code: version(),
      now,
    })
  return {
    audit,
    catalog,
    config: createConfig({ db, seal, upstreams: env.UPSTREAM_ALLOW }),
    identity,
    stream,
    ingest,
    kafka,
    query,
    redis: createRedis({ redis, limits: limits.redis, workspaceBytes: env.REDIS_WORKSPACE_BYTES, now }),
    model,
    peer,
    jobs,
    queryService: peer === undefined || elsewhere === undefined ? query.service : peer.over(query.service, elsewhere),
  }
}
