import { create } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { networkOf } from '#mesh/network.ts'
import { allows } from '#mesh/scopes.ts'
import type { Policy } from '#mesh/window.ts'
import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { authenticate } from '../auth/authenticate.ts'
import { isSession } from '../auth/cookie.ts'
import type { Session } from '../auth/sessions.ts'
import { cacheStatus } from '../cache/headers.ts'
import { type Answered, through } from '../cache/through.ts'
import type { Deps } from '../deps.ts'
import { addressOf } from '../limit/address.ts'
import { charge } from '../limit/enforce.ts'
import { readBody } from '../routes/body.ts'
import { type AppContext, type AppEnv, backgroundOf, callerOf } from '../routes/context.ts'
import { given, keptOrStream, type Streamed } from './answers.ts'
import { exchange, passed } from './exchange.ts'
import { recordOf, upstreamRequest } from './headers.ts'
import { requestKey } from './keep.ts'
import { type Target, targetOf, upstreamUrl } from './path.ts'
import { isIdempotent, type Outgoing } from './upstreams.ts'

/** Where nothing else is said, what each network may ask of a public route. */
const publicPolicy = { requests: 300, windowSeconds: 60 }
/** A body up to here is held, so that it can be sent again. */
const heldBytes = 64 << 10
const maxBodyBytes = 100 << 20

/** `/r/{workspace}/{path}`: the workspace's own services, behind the same guard as everything else. */
export function proxy(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  const authenticated = authenticate(deps)
  app.all('/r/*', async (c) => {
    const target = targetOf(c.req.url)
    const route = await routeOf(c, deps, target)
    if (route?.public === true) c.set('session', anonymous(c, deps, target.workspace, route))
    else {
      await authenticated(c, async () => undefined)
      mayCall(c, target, route)
    }
    if (route === undefined) throw new Failure('resource.not_found', 'There is no such route.')
    return forward(c, deps, target, route)
  })
}

/** Undefined where there is none, and where whether there is one is not yet the caller's to know. */
async function routeOf(c: AppContext, deps: Deps, { workspace, path }: Target): Promise<Route | undefined> {
  const { gateways, feed, settings, strangers } = deps
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(workspace)) return undefined
  const background = backgroundOf(c)
  const known = gateways.peek(workspace) !== undefined
  const settled = known || !feed.begun() ? await feed.settle(background) : true
  let gateway = gateways.peek(workspace)
  if (gateway === undefined) {
    // Nobody has shown a credential yet, and the core is asked.
    await strangers(c.req.raw, background)
    gateway = await gateways.get(workspace, c.var.requestId)
  } else if (!settled && feed.ageMs() > settings.AUTH_STALE_SECONDS * 1000) {
    throw new Failure('core.unavailable', 'Routes cannot be looked up now.', { retryAfterMs: 2_000 })
  }
  return gateway.routeOf(path)
}

function mayCall(c: AppContext, { workspace }: Target, route: Route | undefined): void {
  const { actor } = c.var.session
  if (route === undefined || actor.workspace !== workspace) {
    throw new Failure('resource.not_found', 'There is no such route.')
  }
  c.set('resource', route.name)
  if (!allows(actor.scopes, 'routes:call', route.name)) {
    throw new Failure('auth.scope', `This needs the scope routes:call:${route.name}.`)
  }
  // Browsers let any page open a WebSocket with the cookies of another site.
  if (c.req.header('upgrade') !== undefined && isSession(c.var.credential)) {
    const origin = c.req.header('origin')
    if (origin !== new URL(c.req.url).origin) throw new Failure('auth.csrf', 'The request comes from another origin.')
  }
}

/** Who calls a public route: told apart from others by the network, and by nothing else. */
function anonymous(c: AppContext, deps: Deps, workspace: string, { name, limit }: Route): Session {
  c.set('resource', name)
  c.set('degraded', false)
  const network = networkOf(addressOf(c.req.raw, deps.settings.CLIENT_ADDRESS_HEADER))
  const { requests, windowSeconds } = limit?.requests ? limit : publicPolicy
  const policy = { name: 'address', limit: requests, windowMs: windowSeconds * 1000 }
  return {
    id: 0,
    actor: create(ActorSchema, { workspace, id: 'anonymous', corsOrigins: ['*'] }),
    expiresAtMs: Infinity,
    byToken: false,
    predicate: '',
    meter: deps.meters(`route:${workspace}/${name}/${network}`, policy),
  }
}

async function forward(c: AppContext, deps: Deps, target: Target, route: Route): Promise<Response> {
  const { session } = c.var
  const { actor } = session
  const { method } = c.req
  if (route.disabled !== '') throw new Failure('upstream.unavailable', route.disabled)
  // It would send back what the route sets.
  if (method === 'TRACE') throw new Failure('request.method', 'TRACE is not passed on.')
  if (
    route.methods.length > 0 &&
    !route.methods.includes(method) &&
    !(method === 'HEAD' && route.methods.includes('GET'))
  )
    throw new Failure('request.method', `${route.path} takes ${route.methods.join(', ')}.`)
  const to = upstreamUrl(route, target)
  const cost = route.limit?.cost || 1
  c.set('cost', cost)
  await charge(c, session.meter, cost)
  const own = route.public ? undefined : policyOf(route)
  if (own !== undefined) {
    await charge(c, deps.meters(`route:${actor.workspace}/${route.name}/${actor.subject || actor.id}`, own), 1)
  }
  const { raw } = c.req
  const background = backgroundOf(c)
  const headers = recordOf(raw.headers)
  const request = upstreamRequest(raw, headers, route, {
    actor,
    address: addressOf(raw, deps.settings.CLIENT_ADDRESS_HEADER),
    requestId: c.var.requestId,
    url: raw.url,
    to,
  })
  if (headers['upgrade']?.toLowerCase() === 'websocket') {
    if (c.var.degraded) throw unreachable()
    request.headers.set('upgrade', 'websocket')
    return switched(await deps.upstreams.send(actor.workspace, route, { request, background }))
  }
  if (method === 'GET' && route.cache !== undefined && headers['range'] === undefined) {
    return cached(c, deps, route, request, target)
  }
  if (c.var.degraded) throw unreachable()
  return exchange(deps, actor.workspace, route, { ...(await withBody(request, raw)), background })
}

function unreachable(): Failure {
  return new Failure('core.unavailable', 'The core does not answer; only cached answers can be read.', {
    retryAfterMs: 2_000,
  })
}

function policyOf({ limit }: Route): Policy | undefined {
  if (limit === undefined || limit.requests === 0) return undefined
  return { name: 'route', limit: limit.requests, windowMs: (limit.windowSeconds || 60) * 1000 }
}

/** The body as bytes where the request may have to be sent again and they are few, else as the stream that it is. */
async function withBody(request: Request, { headers, body }: Request): Promise<Omit<Outgoing, 'background'>> {
  if (body === null || request.body === null) return { request }
  const length = headers.get('content-length')
  const { method } = request
  if (length === null) return { request: new Request(request, { method, body: body.pipeThrough(bounded()) }) }
  if (Number(length) > maxBodyBytes) throw tooLarge()
  if (!isIdempotent(method) || Number(length) > heldBytes) return { request }
  return { request, body: await readBody(request, heldBytes) }
}

function bounded(): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength
      if (bytes > maxBodyBytes) controller.error(tooLarge())
      else controller.enqueue(chunk)
    },
  })
}

function tooLarge(): Failure {
  return new Failure('request.too_large', `A body has at most ${maxBodyBytes} bytes.`)
}

/** What others may ask for too: kept where the answer and the route allow it. */
async function cached(
  c: AppContext,
  deps: Deps,
  route: Route,
  request: Request,
  { workspace, path, search }: Target,
): Promise<Response> {
  const { answers, upstreams, now } = deps
  const { actor } = c.var.session
  const background = backgroundOf(c)
  const toAll = requestKey(route, workspace, path + search, c.req.raw.headers)
  const own = [actor.id, actor.subject, actor.scopes.filter((scope) => scope.startsWith('app:'))]
  const key = route.public ? toAll : `${toAll} ${JSON.stringify(own)}`
  // The whole answer is asked for: whether the caller has it already is found out here.
  for (const name of ['if-none-match', 'if-modified-since', 'if-range']) request.headers.delete(name)
  const answered: Answered<Streamed> = await through<Streamed>(
    { ...deps, answers: { ...answers, get: (wanted) => answers.get(wanted) ?? answers.get(toAll) } },
    {
      key,
      workspace,
      cacheable: true,
      async fetch(_, signal) {
        const response = await upstreams.send(workspace, route, { request, signal, background })
        return keptOrStream(response, route, { keys: { toAll, own: key }, workspace, now })
      },
      discard: ({ response }) => void response.body?.cancel(),
    },
    { ...callerOf(c), background, degraded: c.var.degraded },
  )
  c.set('cache', answered.outcome)
  if (answered.whole) return given(answered, c.req.header('if-none-match') ?? null, now())
  return passed(answered.response, { 'cache-status': cacheStatus('BYPASS', undefined, now()) })
}

/** The connection is the two ends' from here on. */
function switched(response: Response): Response {
  if (response.status !== 101) return passed(response)
  const { webSocket } = response
  const headers = new Headers()
  const protocol = response.headers.get('sec-websocket-protocol')
  if (protocol !== null) headers.set('sec-websocket-protocol', protocol)
  return new Response(null, { status: 101, webSocket, headers })
}
