import type { DescService } from '@bufbuild/protobuf'
import { type Role, roleOf } from '#mesh/roles.ts'
import { type Breaker, createBreaker } from '#mesh/rpc/breaker.ts'
import type { CallOptions, Client } from '#mesh/rpc/call.ts'
import { connectWeb, type WebRequest } from '#mesh/rpc/web.ts'
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
import { RedisService } from '#proto/edgewise/redis/v1/redis_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'

/** Everything that the edge asks the core. */
export interface Core {
  readonly identity: Client<typeof IdentityService>
  readonly tokens: Client<typeof TokenService>
  readonly users: Client<typeof UserService>
  readonly audit: Client<typeof AuditService>
  readonly catalog: Client<typeof CatalogService>
  readonly config: Client<typeof ConfigService>
  readonly gateway: Client<typeof GatewayService>
  readonly ingest: Client<typeof IngestService>
  readonly kafka: Client<typeof KafkaService>
  readonly query: Client<typeof QueryService>
  readonly model: Client<typeof ModelService>
  readonly redis: Client<typeof RedisService>
  /** What this isolate thinks of each service, which in a mesh is a deployment of its own. */
  readonly breakers: Readonly<Record<Exclude<keyof Core, 'breakers'>, Breaker>>
}

interface CoreOptions {
  /** Where each role of the core is. */
  readonly urls: Readonly<Record<Role, string>>
  readonly fetch: (role: Role, url: string, init: WebRequest) => Promise<Response>
  /** The edge's own credential; a call on behalf of a caller carries the caller's instead. */
  readonly token: string
  /** How busy this isolate is. */
  readonly delayMs: () => number
}

export function connectCore({ urls, fetch, token, delayMs }: CoreOptions): Core {
  const breakers = {
    identity: createBreaker(),
    tokens: createBreaker(),
    users: createBreaker(),
    audit: createBreaker(),
    catalog: createBreaker(Date.now, undefined, delayMs),
    config: createBreaker(),
    gateway: createBreaker(),
    ingest: createBreaker(Date.now, undefined, delayMs),
    kafka: createBreaker(Date.now, undefined, delayMs),
    query: createBreaker(Date.now, undefined, delayMs),
    model: createBreaker(Date.now, undefined, delayMs),
    redis: createBreaker(Date.now, undefined, delayMs),
  }
  const headers = { authorization: `Bearer ${token}` }
  function connect<S extends DescService>(desc: S, breaker: Breaker): Client<S> {
    const role = roleOf(desc)
    return connectWeb(desc, { url: urls[role], fetch: (url, init) => fetch(role, url, init), headers, breaker })
  }
  return {
    identity: connect(IdentityService, breakers.identity),
    tokens: connect(TokenService, breakers.tokens),
    users: connect(UserService, breakers.users),
    audit: connect(AuditService, breakers.audit),
    catalog: connect(CatalogService, breakers.catalog),
    config: connect(ConfigService, breakers.config),
    gateway: connect(GatewayService, breakers.gateway),
    ingest: connect(IngestService, breakers.ingest),
    kafka: connect(KafkaService, breakers.kafka),
    query: connect(QueryService, breakers.query),
    model: connect(ModelService, breakers.model),
    redis: connect(RedisService, breakers.redis),
    breakers,
  }
}

/** Who a call is made for: the core verifies the credential again. */
export interface Caller {
  readonly credential: string
  readonly workspace: string
  readonly requestId: string
  /** Where the request came from; empty where the runtime does not say. */
  readonly address?: string
  readonly traceparent?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export function asCaller(
  { credential, workspace, requestId, address = '', traceparent, signal }: Caller,
  timeoutMs?: number,
): CallOptions {
  return {
    metadata: {
      authorization: `Bearer ${credential}`,
      ...requestMetadata(requestId, address),
      ...(traceparent !== undefined && { traceparent }),
    },
    share: workspace,
    ...(signal && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  }
}

/** What the core is told of a request, whoever asks. */
export function requestMetadata(requestId: string, address: string): Readonly<Record<string, string>> {
  return { 'x-request-id': requestId, ...(address !== '' && { 'x-client-address': address }) }
}

/** Work that may outlive its answer: `waitUntil` of the request that it belongs to. */
export interface Background {
  waitUntil(work: Promise<unknown>): void
}
