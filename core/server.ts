import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { interceptors, type InterceptorPorts } from '#mesh/rpc/interceptors.ts'
import { mount } from '#mesh/rpc/mount.ts'
import type { Interceptor, Service } from '#mesh/rpc/call.ts'
import { type GrpcTls, startGrpcServer } from '#mesh/rpc/node/server.ts'
import { grpcWebHandler } from '#mesh/rpc/node/web.ts'
import { AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import { CatalogService } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { GatewayService } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { GRPCInferenceService } from '#proto/inference/inference_pb.ts'
import type { Metrics } from './metrics.ts'
import { refused } from './storage/refused.ts'

export interface ServerOptions {
  readonly host: string
  readonly httpPort: number
  readonly grpcPort: number
  /** For gRPC; without it both doors are plain. */
  readonly tls: GrpcTls | undefined
  readonly services: {
    readonly identity: Service<typeof IdentityService>
    readonly tokens: Service<typeof TokenService>
    readonly users: Service<typeof UserService>
    readonly audit: Service<typeof AuditService>
    readonly catalog: Service<typeof CatalogService>
    readonly config: Service<typeof ConfigService>
    readonly gateway: Service<typeof GatewayService>
    readonly ingest: Service<typeof IngestService>
    readonly query: Service<typeof QueryService>
    readonly model: Service<typeof ModelService>
    readonly inference: Service<typeof GRPCInferenceService>
  }
  readonly ports: Omit<InterceptorPorts, 'metrics'>
  /** Inside those that surround every call. */
  readonly interceptors: readonly Interceptor[]
  readonly metrics: Metrics
  /** Names of what does not answer; empty when everything does. */
  readonly unready: () => Promise<readonly string[]>
}

/**
 * The core's two doors, with the same services and interceptors behind each: gRPC for services, and HTTP for edges
 * (gRPC-Web), probes and Prometheus. Neither is meant to be reached from outside.
 */
export async function startServer(options: ServerOptions) {
  const services = [
    mount(IdentityService, options.services.identity),
    mount(TokenService, options.services.tokens),
    mount(UserService, options.services.users),
    mount(AuditService, options.services.audit),
    mount(CatalogService, options.services.catalog),
    mount(ConfigService, options.services.config),
    mount(GatewayService, options.services.gateway),
    mount(IngestService, options.services.ingest),
    mount(QueryService, options.services.query),
    mount(ModelService, options.services.model),
    mount(GRPCInferenceService, options.services.inference),
  ]
  // Ends run from the last to the first, so what the store refused is no bug any more when bugs are logged.
  const around = [...interceptors({ ...options.ports, metrics: options.metrics }), refused(), ...options.interceptors]
  const grpc = await startGrpcServer({
    address: `${options.host}:${options.grpcPort}`,
    services,
    interceptors: around,
    tls: options.tls,
  })
  const web = grpcWebHandler({ services, interceptors: around })
  let draining = false

  async function ready(response: ServerResponse): Promise<void> {
    const unready = draining ? ['draining'] : await options.unready()
    json(response, unready.length === 0 ? 200 : 503, { ready: unready.length === 0, unready })
  }

  async function metrics(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': options.metrics.contentType }).end(await options.metrics.text())
  }

  const http = createServer((request, response) => {
    const fail = (error: unknown): void => {
      options.ports.log.error({ err: error, path: request.url }, 'a probe broke')
      if (!response.headersSent) json(response, 500, { ready: false })
    }
    if (request.url === '/health/live') json(response, 200, { live: true })
    else if (request.url === '/health/ready') ready(response).catch(fail)
    else if (request.url === '/metrics') metrics(response).catch(fail)
    else web(request, response)
  })
  http.requestTimeout = 0
  http.keepAliveTimeout = 75_000
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(options.httpPort, options.host, resolve)
  })

  grpc.setServing(true)
  return {
    http: `http://${options.host}:${(http.address() as AddressInfo).port}`,
    grpc: grpc.address,
    /** Refuses new work, waits for what is under way, then closes. */
    async close(): Promise<void> {
      draining = true
      grpc.setServing(false)
      const closed = new Promise<void>((resolve) => http.close(() => resolve()))
      http.closeIdleConnections()
      const stragglers = setTimeout(() => http.closeAllConnections(), drainMs)
      await Promise.all([closed, grpc.close()])
      clearTimeout(stragglers)
    },
  }
}

const drainMs = 10_000

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
