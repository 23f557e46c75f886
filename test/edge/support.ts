import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { Failure } from '#mesh/errors.ts'
import { openOrt } from '#mesh/inference/ort.ts'
import { generateKey } from '#mesh/keys.ts'
import { createBreaker } from '#mesh/rpc/breaker.ts'
import type { CallOptions } from '#mesh/rpc/call.ts'
import { ReportRefusalsResponseSchema } from '#proto/edgewise/audit/v1/audit_pb.ts'
import { type Change_Kind, WatchResponseSchema } from '#proto/edgewise/config/v1/config_pb.ts'
import {
  GatewaySchema,
  type NamedLimit,
  NamedLimitSchema,
  type Route,
  RouteSchema,
} from '#proto/edgewise/config/v1/gateway_pb.ts'
import {
  ActorSchema,
  PlanSchema,
  type Actor,
  VerifyKeyResponseSchema,
} from '#proto/edgewise/identity/v1/identity_pb.ts'
import {
  type CallQueryRequestSchema,
  type Query,
  QuerySchema,
  type ResultChunk,
  ResultChunkSchema,
} from '#proto/edgewise/query/v1/query_pb.ts'
import { WriteEventsResponseSchema, WriteUsageResponseSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { createApp } from '../../edge/app.ts'
import type { Core } from '../../edge/core.ts'
import { assemble } from '../../edge/deps.ts'
import type { Settings } from '../../edge/env.ts'
import type { Leases } from '../../edge/limit/limiter.ts'
import type { Reach } from '../../edge/proxy/upstreams.ts'
import { createMemoryLeases } from '../../edge/limit/memory.ts'

type CallQuery = MessageInitShape<typeof CallQueryRequestSchema>

/** A core that does what the test says, and remembers what it was asked. */
export function createFakeCore() {
  const actors = new Map<string, Actor>()
  const queries = new Map<string, Query>()
  const routes = new Map<string, Route>()
  const limits = new Map<string, NamedLimit>()
  const changes: { kind: Change_Kind; workspace: string; name: string }[] = []
  const state = {
    down: false,
    bug: false,
    usageDown: false,
    polls: 0,
    verified: 0,
    described: 0,
    gatewaysAsked: 0,
    calls: [] as CallQuery[],
    credentials: [] as (string | undefined)[],
    refusals: [] as { action?: string; actor?: string; code?: string; count?: number; resource?: string }[],
    usage: [] as {
      resource?: string
      cache?: string
      status?: number
      requestId?: string
      cost?: number
      rowsRead?: bigint
      bytesRead?: bigint
      events?: bigint
    }[],
    events: [] as { body?: Uint8Array; stream?: string; idempotencyKey?: string; wait?: boolean }[],
    aborted: 0,
    answer: async function* (call: CallQuery): AsyncGenerator<string | Uint8Array> {
      yield JSON.stringify({ data: [call.params], rows: 1 }).slice(0, -1)
      yield `,"statistics":{"elapsed":${Math.random()}}}`
    } as (call: CallQuery, signal: AbortSignal | undefined) => AsyncIterable<string | Uint8Array>,
  }

  function up(): void {
    if (state.down) throw new Failure('core.unavailable', 'The core does not answer.')
  }

  const breakers = { query: createBreaker(), config: createBreaker(), ingest: createBreaker() }
  const core = {
    identity: {
      async verifyKey({ key = '' }) {
        up()
        state.verified++
        const actor = actors.get(key)
        if (actor === undefined) throw new Failure('auth.invalid', 'The key is not known.')
        return create(VerifyKeyResponseSchema, { actor })
      },
    },
    audit: {
      async reportRefusals({ refusals = [] }) {
        up()
        state.refusals.push(...(refusals as typeof state.refusals))
        return create(ReportRefusalsResponseSchema)
      },
    },
    config: {
      async watch({ since = '' }) {
        up()
        state.polls++
        const news = since === '' ? [] : changes.slice(Number(since))
        return create(WatchResponseSchema, { cursor: String(changes.length), reset: since === '', changes: news })
      },
    },
    gateway: {
      async getGateway({ workspace = '' }) {
        up()
        state.gatewaysAsked++
        if (workspace !== 'main') return create(GatewaySchema)
        return create(GatewaySchema, { routes: [...routes.values()], limits: [...limits.values()] })
      },
    },
    ingest: {
      async writeUsage({ events = [] }) {
        up()
        if (state.usageDown) throw new Failure('core.unavailable', 'Not now.')
        state.usage.push(...(events as typeof state.usage))
        return create(WriteUsageResponseSchema)
      },
      async writeEvents(request: (typeof state.events)[number]) {
        up()
        state.events.push(request)
        return create(WriteEventsResponseSchema, {
          accepted: 2,
          offsets: [{ partition: 1, offset: 7n }],
          queryable: request.wait ?? false,
        })
      },
    },
    query: {
      async describeQuery({ name = '', version = 0 }) {
        up()
        state.described++
        const query = queries.get(`${name}@${version}`) ?? queries.get(name)
        if (query === undefined) throw new Failure('resource.not_found', `There is no query ${name}.`, { remote: true })
        return query
      },
      async *callQuery(call: CallQuery, options?: CallOptions): AsyncGenerator<ResultChunk> {
        up()
        if (state.bug) throw new Error('a bug')
        state.calls.push(call)
        state.credentials.push(options?.metadata?.['authorization'])
        const count = (): void => void state.aborted++
        options?.signal?.addEventListener('abort', count)
        const contentType = call.format === 3 ? 'text/csv; charset=utf-8' : 'application/json; charset=utf-8'
        yield create(ResultChunkSchema, {
          piece: { case: 'head', value: { contentType, queryVersion: call.version ?? 0 } },
        })
        for await (const part of state.answer(call, options?.signal)) {
          const value = typeof part === 'string' ? new TextEncoder().encode(part) : part
          yield create(ResultChunkSchema, { piece: { case: 'body', value } })
        }
        options?.signal?.removeEventListener('abort', count)
        yield create(ResultChunkSchema, { piece: { case: 'tail', value: { rows: 1n, rowsRead: 7n, bytesRead: 70n } } })
      },
    },
    breakers,
  } as unknown as Core

  return {
    core,
    state,
    breakers,
    /** Makes a key of this actor. */
    key(actor: MessageInitShape<typeof ActorSchema> = {}, expiresAtMs?: number): string {
      const key = generateKey()
      actors.set(
        key,
        create(ActorSchema, {
          workspace: 'main',
          id: `key_${actors.size + 1}`,
          scopes: ['endpoints:read', 'events:write', 'sql:read'],
          plan: create(PlanSchema, { name: 'default', requests: 1_000, windowSeconds: 60 }),
          ...(expiresAtMs !== undefined && { expiresAt: timestampFromMs(expiresAtMs) }),
          ...actor,
        }),
      )
      return key
    },
    actorOf: (key: string) => actors.get(key)!,
    forget: (key: string) => void actors.delete(key),
    publish(query: MessageInitShape<typeof QuerySchema>): void {
      queries.set(query.name ?? '', create(QuerySchema, { version: 1, live: true, ...query }))
    },
    route(route: MessageInitShape<typeof RouteSchema>): void {
      const standing = { version: 1, upstream: 'https://upstream.test', timeoutMs: 1_000, retries: 2, trusted: true }
      routes.set(route.name ?? '', create(RouteSchema, { ...standing, ...route }))
    },
    limit(limit: MessageInitShape<typeof NamedLimitSchema>): void {
      limits.set(limit.name ?? '', create(NamedLimitSchema, limit))
    },
    changed(kind: Change_Kind, name: string, workspace = 'main'): void {
      changes.push({ kind, workspace, name })
    },
  }
}

export const settings: Settings = {
  CORE_URL: 'http://core',
  EDGE_TOKEN: 'e'.repeat(32),
  METRICS_TOKEN: 'm'.repeat(32),
  AUTH_STALE_SECONDS: 60,
  LIMITS: 'durable',
  CACHE_MAX_BYTES: 8 << 20,
  EVENTS_MAX_BYTES: 1 << 20,
}

export type Edge = ReturnType<typeof createEdge>

/** The whole edge on a fake core and a clock that the test moves. */
export function createEdge(
  options: {
    settings?: Partial<Settings>
    fake?: ReturnType<typeof createFakeCore>
    leases?: Leases
    reach?: Reach
    sleep?: (ms: number) => Promise<void>
  } = {},
) {
  const fake = options.fake ?? createFakeCore()
  const clock = { now: 1_800_000_000_000 }
  const pending = new Set<Promise<unknown>>()
  const logged: object[] = []
  const now = (): number => clock.now
  const app = createApp(
    assemble({
      settings: { ...settings, ...options.settings },
      core: fake.core,
      leases: options.leases ?? createMemoryLeases({ now }),
      openOrt,
      reach: options.reach ?? (() => Promise.reject(new Error('no network here'))),
      now,
      sleep: options.sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 5)))),
      random: () => '0123456789abcdef',
      watch: () => undefined,
      log: (fields) => void logged.push(fields),
    }),
  )
  const context = {
    waitUntil(work: Promise<unknown>) {
      pending.add(work)
      void work.finally(() => pending.delete(work)).catch(() => undefined)
    },
    passThroughOnException: () => undefined,
    props: {},
  }
  return {
    fake,
    routes: app.routes,
    clock,
    logged,
    advance: (seconds: number) => void (clock.now += seconds * 1000),
    /** Waits for what the requests left behind. */
    async settled(): Promise<void> {
      while (pending.size > 0) await Promise.allSettled(pending)
    },
    async get(
      path: string,
      key?: string,
      headers: Record<string, string> = {},
      init: RequestInit = {},
    ): Promise<Response> {
      const request = new Request(`https://edge.test${path}`, {
        ...init,
        headers: { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...headers },
      })
      return app.fetch(request, context)
    },
  }
}

export async function problemOf(
  response: Response,
): Promise<{ code: string; status: number; hint: string; errors?: { pointer: string; reason: string }[] }> {
  return response.json()
}
