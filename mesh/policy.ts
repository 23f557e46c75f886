import type { DescMethod, DescService } from '@bufbuild/protobuf'
import { AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import { CatalogService } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { GatewayService } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { KafkaService } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { RedisService } from '#proto/edgewise/redis/v1/redis_pb.ts'
import { GRPCInferenceService } from '#proto/inference/inference_pb.ts'

/** What goes on when there is too much of everything: what stands first is given up last, `health` never. */
export type Priority = 'health' | 'control' | 'interactive' | 'batch'

/** How a method is called: by every client that calls it, and by every server that answers it. */
export interface MethodPolicy {
  readonly priority: Priority
  /** Where the caller states no deadline. */
  readonly timeoutMs: number
  /** A longer one is cut to this. */
  readonly maxTimeoutMs: number
  /** Doing it twice is doing it once, so a call that nothing was heard of may be sent again. */
  readonly idempotent: boolean
  readonly maxRequestBytes: number
  /** Of one message; a stream may have any number of them. */
  readonly maxResponseBytes: number
}

interface ServicePolicy<S extends DescService> extends Omit<MethodPolicy, 'idempotent'> {
  readonly idempotent: readonly (keyof S['method'])[]
  readonly methods?: { readonly [M in keyof S['method']]?: Partial<Omit<MethodPolicy, 'idempotent'>> }
}

const MiB = 1 << 20

/**
 * The one table. `control` is what is small and what others wait for: credentials, definitions, and what would be lost for
 * good (usage, refusals). `interactive` is what somebody waits for, `batch` what can wait. WriteEvents is not idempotent here: only the edge knows whether the request has an Idempotency-Key.
 */
const table: ReadonlyMap<DescMethod, MethodPolicy> = new Map([
  ...service(AuditService, {
    priority: 'control',
    timeoutMs: 10_000,
    maxTimeoutMs: 30_000,
    maxRequestBytes: 4 * MiB,
    maxResponseBytes: 16 * MiB,
    idempotent: ['listAudit'],
    methods: { listAudit: { priority: 'batch' } },
  }),
  ...service(CatalogService, {
    priority: 'interactive',
    timeoutMs: 10_000,
    maxTimeoutMs: 60_000,
    maxRequestBytes: 2 * MiB,
    // A page of the largest documents is more, and is refused.
    maxResponseBytes: 16 * MiB,
    // The same put again is no change; a deletion finds that there is nothing.
    idempotent: ['getEntry', 'listEntries', 'importEntries'],
    methods: { importEntries: { priority: 'batch', timeoutMs: 30_000, maxRequestBytes: 9 * MiB } },
  }),
  ...service(ConfigService, {
    priority: 'health',
    timeoutMs: 3_000,
    maxTimeoutMs: 10_000,
    maxRequestBytes: MiB,
    maxResponseBytes: 4 * MiB,
    idempotent: ['watch'],
  }),
  ...service(GatewayService, {
    priority: 'control',
    timeoutMs: 5_000,
    maxTimeoutMs: 30_000,
    maxRequestBytes: MiB,
    // Every route of a workspace.
    maxResponseBytes: 16 * MiB,
    idempotent: ['getGateway', 'getRoute', 'listRoutes', 'putLimit', 'getLimit', 'listLimits'],
  }),
  ...service(IdentityService, {
    priority: 'control',
    timeoutMs: 5_000,
    maxTimeoutMs: 30_000,
    maxRequestBytes: MiB,
    maxResponseBytes: 4 * MiB,
    idempotent: ['verifyKey', 'listKeys', 'getKey', 'revokeKey', 'listWorkspaces', 'updateWorkspace'],
  }),
  ...service(TokenService, {
    priority: 'control',
    timeoutMs: 5_000,
    maxTimeoutMs: 30_000,
    maxRequestBytes: MiB,
    // Every issuer with its keys.
    maxResponseBytes: 16 * MiB,
    idempotent: ['getTrust', 'refreshIssuer', 'getIssuer', 'listIssuers', 'putIssuer'],
  }),
  ...service(UserService, {
    priority: 'control',
    timeoutMs: 5_000,
    maxTimeoutMs: 30_000,
    maxRequestBytes: MiB,
    maxResponseBytes: 4 * MiB,
    idempotent: ['listUsers', 'getUser', 'updateUser', 'putRole', 'listRoles', 'listSessions', 'endSession'],
    // It asks a provider twice.
    methods: { finishSignIn: { timeoutMs: 15_000 } },
  }),
  ...service(IngestService, {
    priority: 'control',
    timeoutMs: 30_000,
    maxTimeoutMs: 120_000,
    maxRequestBytes: MiB,
    maxResponseBytes: 16 * MiB,
    idempotent: ['readUsage', 'getStream', 'listStreams', 'listQuarantine'],
    methods: {
      writeEvents: { priority: 'interactive', maxRequestBytes: 33 * MiB },
      writeUsage: { maxRequestBytes: 8 * MiB },
      readUsage: { priority: 'batch' },
      listQuarantine: { priority: 'batch' },
      replayQuarantine: { priority: 'batch', maxRequestBytes: 33 * MiB },
      replayStream: { priority: 'batch' },
      // It writes again what stays of the parts that it touches.
      deleteRows: { priority: 'batch', timeoutMs: 120_000 },
    },
  }),
  ...service(KafkaService, {
    priority: 'interactive',
    timeoutMs: 40_000,
    maxTimeoutMs: 60_000,
    maxRequestBytes: 16 * MiB,
    maxResponseBytes: 16 * MiB,
    // Not what is given once: a consumer is not given again what was on its way to it.
    idempotent: ['fetch', 'commit', 'getCommitted', 'listOffsets', 'listTopics', 'listConsumers'],
  }),
  ...service(ModelService, {
    priority: 'control',
    timeoutMs: 10_000,
    maxTimeoutMs: 60_000,
    maxRequestBytes: 4 * MiB,
    maxResponseBytes: 16 * MiB,
    idempotent: [
      'listModels',
      'getModel',
      'listVersions',
      'getVersion',
      'getJob',
      'predict',
      'getServing',
      'getSignature',
      'getArtefact',
      'cancelJob',
    ],
    methods: {
      predict: { priority: 'interactive' },
      getArtefact: { priority: 'interactive' },
      // A sample: what is lost of it is counted.
      writePredictions: { priority: 'batch' },
    },
  }),
  ...service(GRPCInferenceService, {
    priority: 'interactive',
    timeoutMs: 10_000,
    maxTimeoutMs: 60_000,
    // As edges take it.
    maxRequestBytes: MiB,
    maxResponseBytes: 16 * MiB,
    idempotent: ['serverLive', 'serverReady', 'serverMetadata', 'modelReady', 'modelMetadata', 'modelInfer'],
    methods: { serverLive: { priority: 'control' }, serverReady: { priority: 'control' } },
  }),
  ...service(RedisService, {
    priority: 'interactive',
    timeoutMs: 10_000,
    maxTimeoutMs: 60_000,
    maxRequestBytes: 2 * MiB,
    maxResponseBytes: 16 * MiB,
    idempotent: [],
  }),
  ...service(QueryService, {
    priority: 'control',
    timeoutMs: 30_000,
    maxTimeoutMs: 300_000,
    maxRequestBytes: MiB,
    maxResponseBytes: 16 * MiB,
    idempotent: ['runSql', 'callQuery', 'describeQuery', 'listQueries', 'listQueryVersions'],
    methods: { runSql: { priority: 'interactive' }, callQuery: { priority: 'interactive' } },
  }),
])

/** For a service that the table does not have. */
const standard: MethodPolicy = {
  priority: 'interactive',
  timeoutMs: 10_000,
  maxTimeoutMs: 60_000,
  idempotent: false,
  maxRequestBytes: MiB,
  maxResponseBytes: 4 * MiB,
}

/** A call that may be sent again is sent at most this often, and not while more than half of recent calls failed. */
export const retries = {
  maxAttempts: 3,
  initialBackoffMs: 50,
  maxBackoffMs: 1_000,
  backoffMultiplier: 2,
  /** gRPC's throttle: a failure takes one token, a success gives `tokenRatio` back; at half the tokens, no retries. */
  maxTokens: 10,
  tokenRatio: 0.1,
} as const

/** What one service that is gone or slow may cost one isolate (or process) that calls it over gRPC-Web. */
export const breaker = {
  /** After so many attempts in a row of which nothing was heard, calls fail at once. */
  failures: 5,
  /** For so long; then one call in as long is let through. */
  openMs: 1_000,
  /** A deadline that was closer than this says nothing of the service: somebody was in a hurry. */
  shortestWaitMs: 1_000,
  maxInFlight: 1_000,
  /** Of requests; one is taken however large it is. */
  maxBytesInFlight: 128 * MiB,
  /** So long after its deadline a call that never ended counts no more. */
  lapseMs: 1_000,
} as const

/**
 * What a caller lets be under way at a service that says it is overloaded: fewer at once each time, then more again. Calls
 * that are made for somebody count, but for `control` and `health`.
 */
export const admission = {
  /** At the beginning: as many as a service has to do that nobody has heard of yet. */
  first: 128,
  /** Of those in flight, after a refusal. Several within `pauseMs` are one. */
  decrease: 0.8,
  pauseMs: 100,
  least: 12,
  /** After so long without a refusal, and with at least half of it under way, twice as many, and again after as long. */
  calmMs: 1_000,
  /** What `batch` may have of it. */
  batchShare: 0.5,
} as const

/**
 * When a server gives up calls by their priority, where at least `admission.least` are under way: none up to these bounds,
 * all at twice as much, and in between more the further it is.
 */
export const shedding: Readonly<
  Record<Exclude<Priority, 'health'>, { readonly delayMs: number; readonly calls: number }>
> = {
  /** `delayMs`: what is ready to run waits so long for its turn, all the time. `calls`: under way. */
  batch: { delayMs: 25, calls: 125 },
  interactive: { delayMs: 50, calls: 250 },
  control: { delayMs: 500, calls: 2_000 },
}

export function policyOf(method: DescMethod): MethodPolicy {
  return table.get(method) ?? standard
}

/** How long a call may take, given what its caller asked for. */
export function timeoutOf(method: DescMethod, askedMs: number | undefined): number {
  const policy = policyOf(method)
  return askedMs === undefined ? policy.timeoutMs : Math.min(askedMs, policy.maxTimeoutMs)
}

/** The largest message that any of the methods takes and gives: transports that have one limit use it. */
export function largestMessage(methods: Iterable<DescMethod>): { requestBytes: number; responseBytes: number } {
  const largest = { requestBytes: 0, responseBytes: 0 }
  for (const method of methods) {
    const policy = policyOf(method)
    largest.requestBytes = Math.max(largest.requestBytes, policy.maxRequestBytes)
    largest.responseBytes = Math.max(largest.responseBytes, policy.maxResponseBytes)
  }
  return largest
}

/**
 * The table as gRPC service config, which grpc-js puts in force. https://grpc.io/docs/guides/service-config/
 * Its timeouts are the policy's maximum, because service config can shorten a caller's deadline but not lengthen it.
 * `balanced`: the address stands for several instances, so calls are spread and failing instances are left out for a while.
 */
export function serviceConfig({ balanced }: { readonly balanced: boolean }): object {
  const methodConfig = []
  for (const [method, policy] of table) {
    methodConfig.push({
      name: [{ service: method.parent.typeName, method: method.name }],
      timeout: `${Math.ceil(policy.maxTimeoutMs / 1000)}s`,
      ...(policy.idempotent && {
        retryPolicy: {
          maxAttempts: retries.maxAttempts,
          initialBackoff: `${retries.initialBackoffMs / 1000}s`,
          maxBackoff: `${retries.maxBackoffMs / 1000}s`,
          backoffMultiplier: retries.backoffMultiplier,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      }),
    })
  }
  return {
    loadBalancingConfig: balanced ? [{ outlier_detection: outlierDetection }] : [{ pick_first: {} }],
    methodConfig,
    retryThrottling: { maxTokens: retries.maxTokens, tokenRatio: retries.tokenRatio },
  }
}

/** gRFC A50. An instance that failed half of its calls is left out for ten seconds, at most half of them at once. */
const outlierDetection = {
  interval: { seconds: 5, nanos: 0 },
  base_ejection_time: { seconds: 10, nanos: 0 },
  max_ejection_percent: 50,
  failure_percentage_ejection: {
    threshold: 50,
    enforcement_percentage: 100,
    minimum_hosts: 2,
    request_volume: 20,
  },
  child_policy: [{ round_robin: {} }],
}

function* service<S extends DescService>(desc: S, policy: ServicePolicy<S>): Iterable<[DescMethod, MethodPolicy]> {
  const { idempotent, methods, ...rest } = policy
  for (const method of desc.methods) {
    const name = method.localName as keyof S['method']
    yield [method, { ...rest, ...methods?.[name], idempotent: idempotent.includes(name) }]
  }
}
