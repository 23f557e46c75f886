import { createSessions } from './auth/sessions.ts'
import { createEdgeTrust } from './auth/trust.ts'
import type { Answer } from './cache/answers.ts'
import { createAnswers } from './cache/answers.ts'
import { createFlights } from './cache/flights.ts'
import { createFeed } from './changes/feed.ts'
import { createKnowledge } from './changes/known.ts'
import type { Ort } from '#mesh/inference/ort.ts'
import { createServedLog } from '#mesh/inference/served-log.ts'
import { Change_Kind } from '#proto/edgewise/config/v1/config_pb.ts'
import type { Query } from '#proto/edgewise/query/v1/query_pb.ts'
import { type Background, type Core, connectCore } from './core.ts'
import type { Env, Settings } from './env.ts'
import { createDurableLeases } from './limit/durable-leases.ts'
import { createRedisLeases } from './limit/redis-leases.ts'
import { createLimiter, type Leases } from './limit/limiter.ts'
import { createStrangers } from './limit/strangers.ts'
import { createMeters } from './limit/meters.ts'
import { loadArtefact } from './inference/load-artefact.ts'
import { createModels } from './inference/models.ts'
import { openEdgeOrt } from './inference/ort.ts'
import { createServings } from './inference/servings.ts'
import { createLateness } from './observe/lateness.ts'
import { createMetrics } from './observe/metrics.ts'
import { createRefusals } from './observe/refusals.ts'
import { createRequestIds } from './observe/request-id.ts'
import { createUsage } from './observe/usage.ts'
import { createDeadlines } from './proxy/deadlines.ts'
import { createGateways } from './proxy/gateways.ts'
import { createUpstreams, type Reach } from './proxy/upstreams.ts'
import { createResolutions } from './routes/endpoints/resolutions.ts'

/** What the edge is made on: replaced in tests, so that time and the core do what a test says. */
export interface Ports {
  readonly settings: Settings
  readonly core: Core
  readonly leases: Leases
  /** The way to the services behind routes. */
  readonly reach: Reach
  /** What runs models; opened where one is first asked for. */
  readonly openOrt: () => Promise<Ort>
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly random: () => string
  readonly log: (fields: object, message: string) => void
  /** Measures how busy this isolate is, beside a request. */
  readonly watch: (background: Background) => void
}

export type Deps = ReturnType<typeof assemble>

/** The composition root: once for each isolate. */
export function createDeps(env: Env): Deps {
  const { settings, RATE_LIMITER, PUBLIC_NETWORK, TRUSTED_NETWORK } = env
  const { CORE, INGEST = CORE, QUERY = CORE, MODEL = CORE } = env
  const { CORE_URL, INGEST_URL = CORE_URL, QUERY_URL = CORE_URL, MODEL_URL = CORE_URL } = settings
  const ways = { identity: CORE, ingest: INGEST, query: QUERY, model: MODEL }
  const now = () => Date.now()
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
  const lateness = createLateness({ now, sleep })
  const core = connectCore({
    urls: { identity: CORE_URL, ingest: INGEST_URL, query: QUERY_URL, model: MODEL_URL },
    token: settings.EDGE_TOKEN,
    delayMs: lateness.ms,
    fetch: (role, url, init) => ways[role]?.fetch(url, init) ?? fetch(url, init),
  })
  return assemble({
    settings,
    core,
    leases: settings.LIMITS === 'redis' ? createRedisLeases({ ...core, now }) : createDurableLeases(RATE_LIMITER),
    reach(trusted, request) {
      const network = trusted ? TRUSTED_NETWORK : PUBLIC_NETWORK
      return network === undefined ? fetch(request) : network.fetch(request)
    },
    openOrt: openEdgeOrt,
    now,
    sleep,
    watch: lateness.watch,
    random: () => crypto.randomUUID().replaceAll('-', '').slice(0, 16),
    log: (fields, message) =>
      console.error(JSON.stringify({ level: 'error', service: 'edge', msg: message, ...fields })),
  })
}

const ofAnswers: ReadonlySet<Change_Kind> = new Set([Change_Kind.QUERY, Change_Kind.STREAM, Change_Kind.ROUTE])

export function assemble(ports: Ports) {
  const { settings, core, leases, reach, openOrt, now, sleep } = ports
  const metrics = createMetrics()
  const limiter = createLimiter({ leases, now, onDegraded: () => metrics.count('limit_degraded') })
  const feed = createFeed({ config: core.config, now })
  const trust = createEdgeTrust({ tokens: core.tokens, feed, now })
  const answers = createAnswers({ maxBytes: settings.CACHE_MAX_BYTES })
  const models = createModels({ load: loadArtefact(core.model), openOrt, now })
  feed.onChange((change) => {
    // A query may read another, and each reads streams: every answer of the workspace may be another one now.
    if (change === undefined || ofAnswers.has(change.kind)) {
      answers.forget(change?.workspace)
    }
  })
  return {
    ...ports,
    metrics,
    limiter,
    feed,
    answers,
    meters: createMeters({ limiter }),
    strangers: createStrangers({ limiter, header: settings.CLIENT_ADDRESS_HEADER }),
    flights: createFlights<Answer | undefined>({ now }),
    trust,
    sessions: createSessions({ identity: core.identity, trust, feed, limiter, now }),
    gateways: createGateways({ gateway: core.gateway, feed }),
    upstreams: createUpstreams({ reach, deadlines: createDeadlines({ now, sleep }), now, sleep }),
    /** Of published queries: version, parameters, cache policy, limit. */
    descriptions: createKnowledge<Query>({
      feed,
      kind: Change_Kind.QUERY,
      ask: ({ name, version }, options) => core.query.describeQuery({ name, version }, options),
    }),
    servings: createServings({ model: core.model, feed, models }),
    models,
    resolutions: createResolutions(),
    served: createServedLog({
      write: (predictions) => core.model.writePredictions({ predictions: [...predictions] }),
      now,
      sleep,
      onDropped: (count) => metrics.count('predictions_dropped', count),
    }),
    requestId: createRequestIds(ports.random),
    refusals: createRefusals({
      audit: core.audit,
      sleep,
      now,
      onDropped: (count) => metrics.count('refusals_dropped', count),
    }),
    usage: createUsage({
      ingest: core.ingest,
      sleep,
      now,
      onDropped: (count) => metrics.count('usage_dropped', count),
    }),
  }
}
