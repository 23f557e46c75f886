import { create } from '@bufbuild/protobuf'
import { Failure, toFailure } from '#mesh/errors.ts'
import type { Service } from '#mesh/rpc/call.ts'
import {
  DeleteLimitResponseSchema,
  DeleteRouteResponseSchema,
  type GatewayService,
  GatewaySchema,
  ListLimitsResponseSchema,
  ListRoutesResponseSchema,
  NamedLimitSchema,
  type PutRouteRequest,
  type Route,
  RouteSchema,
} from '#proto/edgewise/config/v1/gateway_pb.ts'
import { contextOf } from '../context.ts'
import { deleteLimit, getLimit, listLimits, maxLimits, putLimit } from './named-limits.ts'
import { type GatewayDeps, maxRoutes, openHeaders, putRoute, type RouteInput } from './put-route.ts'
import { deleteRoute, getRoute, listRoutes } from './routes.ts'
import { limitsOf, type NamedLimitRow, type RouteRow, routesOf } from './store-gateway.ts'
import { checkUpstream } from './upstreams.ts'

export function gatewayService(deps: GatewayDeps): Service<typeof GatewayService> {
  // Without the values of headers.
  const shown = (row: RouteRow): Route =>
    routeMessage(
      deps,
      row,
      row.headerNames.map((name) => ({ name })),
    )
  return {
    async putRoute(request, call) {
      return shown(await putRoute(deps, contextOf(call), routeInput(request)))
    },
    async getRoute({ name }, call) {
      return shown(await getRoute(deps, contextOf(call), name))
    },
    async listRoutes(request, call) {
      const { rows, nextCursor } = await listRoutes(deps, contextOf(call), request)
      return create(ListRoutesResponseSchema, { routes: rows.map(shown), nextCursor })
    },
    async deleteRoute({ name }, call) {
      await deleteRoute(deps, contextOf(call), name)
      return create(DeleteRouteResponseSchema)
    },
    async putLimit({ limit }, call) {
      return limitMessage(await putLimit(deps, contextOf(call), limit ?? create(NamedLimitSchema)))
    },
    async getLimit({ name }, call) {
      return limitMessage(await getLimit(deps, contextOf(call), name))
    },
    async listLimits(request, call) {
      const { rows, nextCursor } = await listLimits(deps, contextOf(call), request)
      return create(ListLimitsResponseSchema, { limits: rows.map(limitMessage), nextCursor })
    },
    async deleteLimit({ name }, call) {
      await deleteLimit(deps, contextOf(call), name)
      return create(DeleteLimitResponseSchema)
    },
    async getGateway({ workspace }, call) {
      if (!contextOf(call).actor.scopes.includes('internal:edge')) {
        throw new Failure('auth.scope', 'Only edges may ask for this.')
      }
      const [routes, limits] = await Promise.all([
        routesOf(deps.db, workspace, maxRoutes),
        limitsOf(deps.db, workspace, maxLimits),
      ])
      return create(GatewaySchema, {
        routes: routes.map((row) =>
          routeMessage(
            deps,
            row,
            Object.entries(openHeaders(deps.seal, row)).map(([name, value]) => ({ name, value })),
          ),
        ),
        limits: limits.map(limitMessage),
      })
    },
  }
}

function routeInput({ route: given, ifVersion, dryRun }: PutRouteRequest): RouteInput {
  const { cache, limit, name, path, upstream, methods, keepPath, public: open, ...rest } = given ?? create(RouteSchema)
  const { timeoutMs, retries, setHeaders, removeHeaders, description } = rest
  return {
    name,
    path,
    upstream,
    methods,
    keepPath,
    public: open,
    timeoutMs: timeoutMs || 30_000,
    retries,
    ...(cache && {
      cache: {
        ttlSeconds: cache.ttlSeconds,
        staleWhileRevalidateSeconds: cache.staleWhileRevalidateSeconds,
        staleIfErrorSeconds: cache.staleIfErrorSeconds,
      },
    }),
    ...(limit && {
      limit: { requests: limit.requests, windowSeconds: limit.windowSeconds || 60, cost: limit.cost || 1 },
    }),
    setHeaders: setHeaders.map((header) => ({ name: header.name, value: header.value })),
    removeHeaders,
    description,
    ifVersion,
    dryRun,
  }
}

/** What the operator allows is looked at now, and not when the route was made. */
function routeMessage(
  { upstreams }: GatewayDeps,
  { name, version, path, definition }: RouteRow,
  setHeaders: { readonly name: string; readonly value?: string }[],
): Route {
  const { methods, removeHeaders, ...rest } = definition
  return create(RouteSchema, {
    ...rest,
    name,
    version,
    path,
    methods: [...methods],
    removeHeaders: [...removeHeaders],
    setHeaders,
    ...allowed(definition.upstream, upstreams),
  })
}

function allowed(upstream: string, upstreams: readonly string[]) {
  try {
    return { trusted: checkUpstream(upstream, upstreams, '/upstream').trusted, disabled: '' }
  } catch (thrown) {
    const failure = toFailure(thrown)
    if (failure.problem !== 'request.invalid') throw thrown
    return { trusted: false, disabled: `${failure.message} ${failure.hint}` }
  }
}

function limitMessage({ name, requests, windowSeconds, burst }: NamedLimitRow) {
  return create(NamedLimitSchema, { name, requests, windowSeconds, burst })
}
