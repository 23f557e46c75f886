import type { CallOptions, Client } from '#mesh/rpc/call.ts'
import { connectWeb, type WebRequest } from '#mesh/rpc/web.ts'
import { AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'

/** Everything that the edge asks the core. */
export interface Core {
  readonly identity: Client<typeof IdentityService>
  readonly tokens: Client<typeof TokenService>
  readonly users: Client<typeof UserService>
  readonly audit: Client<typeof AuditService>
  readonly config: Client<typeof ConfigService>
  readonly ingest: Client<typeof IngestService>
  readonly query: Client<typeof QueryService>
}

interface CoreOptions {
  readonly url: string
  readonly fetch: (url: string, init: WebRequest) => Promise<Response>
  /** The edge's own credential; a call on behalf of a caller carries the caller's instead. */
  readonly token: string
}

export function connectCore({ url, fetch, token }: CoreOptions): Core {
  const options = { url, fetch, headers: { authorization: `Bearer ${token}` } }
  return {
    identity: connectWeb(IdentityService, options),
    tokens: connectWeb(TokenService, options),
    users: connectWeb(UserService, options),
    audit: connectWeb(AuditService, options),
    config: connectWeb(ConfigService, options),
    ingest: connectWeb(IngestService, options),
    query: connectWeb(QueryService, options),
  }
}

/** Who a call is made for: the core verifies the credential again. */
export interface Caller {
  readonly credential: string
  readonly requestId: string
  readonly traceparent?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export function asCaller({ credential, requestId, traceparent, signal }: Caller, timeoutMs?: number): CallOptions {
  return {
    metadata: {
      authorization: `Bearer ${credential}`,
      'x-request-id': requestId,
      ...(traceparent !== undefined && { traceparent }),
    },
    ...(signal && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  }
}

/** Work that may outlive its answer: `waitUntil` of the request that it belongs to. */
export interface Background {
  waitUntil(work: Promise<unknown>): void
}
