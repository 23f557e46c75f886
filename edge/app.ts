import { OpenAPIHono } from '@hono/zod-openapi'
import type { ExecutionContext } from 'hono'
import { authenticate } from './auth/authenticate.ts'
import { basicCredentialOf } from './auth/credential.ts'
import type { Deps } from './deps.ts'
import { limit } from './limit/enforce.ts'
import { observe } from './observe/observe.ts'
import { proxy } from './proxy/proxy.ts'
import { createShort } from './proxy/short.ts'
import type { AppEnv } from './routes/context.ts'
import { audit } from './routes/audit.ts'
import { jsonBodies, maxJsonBytes } from './routes/body.ts'
import { catalog } from './routes/catalog/catalog.ts'
import { cards } from './routes/card/card.ts'
import { clickHouse, clickHousePing } from './routes/clickhouse/clickhouse.ts'
import { clickHouseCredential } from './routes/clickhouse/credential.ts'
import { cors } from './routes/cors.ts'
import { docs } from './routes/docs.ts'
import { endpointDocs } from './routes/endpoint-docs.ts'
import { endpoints } from './routes/endpoints/endpoints.ts'
import { createHit } from './routes/endpoints/hit.ts'
import { events } from './routes/events.ts'
import { framing, hasPlainHost, plainQuery } from './routes/framing.ts'
import { health } from './routes/health.ts'
import { issuers } from './routes/issuers.ts'
import { keys } from './routes/keys.ts'
import { kafka } from './routes/kafka/kafka.ts'
import { limits } from './routes/limits.ts'
import { metrics } from './routes/metrics.ts'
import { inferenceHealth, inferenceProtocol } from './routes/inference-protocol.ts'
import { models } from './routes/models.ts'
import { predicting } from './routes/predict.ts'
import { createPredictHere } from './routes/predict-here.ts'
import { invalid, methodsOf, notFound, onError } from './routes/problems.ts'
import { quarantine } from './routes/quarantine.ts'
import { providerSignIn } from './routes/provider-sign-in.ts'
import { queries } from './routes/queries.ts'
import { redis } from './routes/redis.ts'
import { roles } from './routes/roles.ts'
import { routes } from './routes/routes.ts'
import { sessions, signingIn } from './routes/sessions.ts'
import { accepting, users } from './routes/users.ts'
import { sql } from './routes/sql.ts'
import { streams } from './routes/streams.ts'
import { token } from './routes/token.ts'
import { usage } from './routes/usage.ts'
import { wellKnown } from './routes/well-known.ts'
import { verifying } from './routes/verify.ts'
import { workspaces } from './routes/workspaces.ts'

/** Whose bodies are descriptions of something, and never data. */
const described = [
  'streams',
  'quarantine',
  'queries',
  'keys',
  'workspaces',
  'issuers',
  'users',
  'roles',
  'sessions',
  'routes',
  'limits',
  'jobs',
]

const smallBody = jsonBodies(maxJsonBytes)

export interface App {
  fetch(request: Request, context: ExecutionContext): Response | Promise<Response>
  /** Every route that there is, in Hono's patterns. */
  readonly routes: readonly { readonly method: string; readonly path: string }[]
}

export function createApp(deps: Deps): App {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.target, result.error.issues)
    },
  })
  app.onError(onError(deps))

  // What every request passes, in this order.
  app.use(observe(deps), framing(), cors())
  // Where a credential comes from; all else needs one.
  app.use('/v1/sessions', smallBody)
  app.use('/v1/users/accept', smallBody)
  token(app, deps)
  signingIn(app, deps)
  providerSignIn(app, deps)
  accepting(app, deps)
  inferenceHealth(app, deps)
  clickHousePing(app)
  for (const guarded of ['/v1/*', '/v2/*', '/redis/*']) app.use(guarded, authenticate(deps), limit(), plainQuery())
  app.use('/kafka/*', authenticate(deps, basicCredentialOf), limit(), plainQuery())
  app.use('/clickhouse/*', authenticate(deps, clickHouseCredential), limit(), plainQuery())
  app.post('/', authenticate(deps, clickHouseCredential), limit(), plainQuery())
  for (const resource of described) app.use(`/v1/${resource}/*`, smallBody)

  // What there is.
  events(app, deps)
  endpoints(app, deps)
  sql(app, deps)
  clickHouse(app, deps)
  queries(app, deps)
  endpointDocs(app, deps)
  models(app, deps)
  cards(app, deps)
  predicting(app, deps)
  inferenceProtocol(app, deps)
  kafka(app, deps)
  streams(app, deps)
  quarantine(app, deps)
  catalog(app, deps)
  verifying(app, deps)
  keys(app, deps)
  workspaces(app, deps)
  issuers(app, deps)
  users(app, deps)
  roles(app, deps)
  sessions(app, deps)
  usage(app, deps)
  routes(app, deps)
  limits(app, deps)
  redis(app, deps)
  proxy(app, deps)
  wellKnown(app, deps)
  audit(app, deps)
  health(app, deps)
  metrics(app, deps)
  docs(app)
  app.notFound(notFound(methodsOf(() => app.routes)))

  // A repeated question with a fresh answer passes the same steps on a shorter way.
  const hit = createHit(deps)
  const short = createShort(deps)
  const predictHere = createPredictHere(deps)
  return {
    routes: app.routes.filter(({ method }) => method !== 'ALL'),
    fetch(request, context) {
      const long = (one: Request) => app.fetch(one, {}, context)
      if (!hasPlainHost(request.headers)) return long(request)
      // Each of these is asked of the runtime once: it makes another text of it every time.
      const { method, url } = request
      if (method === 'GET') return hit(request, url, context) ?? short(request, url, context) ?? long(request)
      if (method === 'POST') return predictHere(request, url, context, long) ?? long(request)
      return long(request)
    },
  }
}
