import { z } from 'zod'
import type { RateLimiter } from './limit/durable.ts'

/** workerd binds an unset environment variable as null, Cloudflare as nothing; both mean the default. */
const unset = (value: unknown) => (value === null || value === '' ? undefined : value)
const text = <S extends z.ZodType>(schema: S) => z.preprocess(unset, schema.optional())
const whole = (fallback: number, max: number) =>
  z.preprocess(unset, z.coerce.number().int().min(0).max(max).default(fallback))

const variables = z.object({
  /** Where the core serves gRPC-Web. With the service binding CORE only its path and name matter. */
  CORE_URL: z.preprocess(unset, z.url({ protocol: /^https?$/ }).default('http://core')),
  /** Where each role of a core in several processes serves it; unset: all are at CORE_URL. */
  INGEST_URL: text(z.url({ protocol: /^https?$/ })),
  QUERY_URL: text(z.url({ protocol: /^https?$/ })),
  MODEL_URL: text(z.url({ protocol: /^https?$/ })),
  /** What the edge itself is known by to the core. */
  EDGE_TOKEN: z.preprocess(unset, z.string().min(32, 'must have at least 32 characters')),
  /** Without it /metrics does not exist. */
  METRICS_TOKEN: text(z.string().min(16, 'must have at least 16 characters')),
  /** The header in which whatever stands in front says where a request comes from; unset: nothing stands in front. */
  CLIENT_ADDRESS_HEADER: text(z.string().regex(/^[\w-]+$/, 'is not the name of a header')),
  /** How long a cached credential may still read stale answers while the core is unreachable. */
  AUTH_STALE_SECONDS: whole(60, 3_600),
  /** Where limits are counted for all: Durable Objects, or the Redis of the core, which several workerd share. */
  LIMITS: z.preprocess(unset, z.enum(['durable', 'redis']).default('durable')),
  /** Bytes of answers that an isolate keeps. */
  CACHE_MAX_BYTES: whole(64 << 20, 1 << 30),
  /** Bytes of one batch of events. */
  EVENTS_MAX_BYTES: whole(32 << 20, 32 << 20),
})

export type Settings = z.infer<typeof variables>

export interface Bindings {
  readonly RATE_LIMITER: DurableObjectNamespace<RateLimiter>
  /** A way to the core that is closer, or more closely guarded, than the network. */
  readonly CORE?: Fetcher
  /** The same for a role; unset: CORE's. */
  readonly INGEST?: Fetcher
  readonly QUERY?: Fetcher
  readonly MODEL?: Fetcher
  /** Where routes lead: to public addresses, and for hosts that the operator names in full to any. */
  readonly PUBLIC_NETWORK?: Fetcher
  readonly TRUSTED_NETWORK?: Fetcher
}

export interface Env extends Bindings {
  readonly settings: Settings
}

/** Variables and bindings, parsed once. Throws an error that names each one that does not hold. */
export function parseEnv(env: unknown): Env {
  const parsed = variables.safeParse(env)
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`)
  const { RATE_LIMITER, CORE, INGEST, QUERY, MODEL, PUBLIC_NETWORK, TRUSTED_NETWORK } = env as Partial<Bindings>
  if (typeof RATE_LIMITER?.idFromName !== 'function') problems.push('  RATE_LIMITER: not bound to a Durable Object')
  if (!parsed.success || RATE_LIMITER === undefined || problems.length > 0) {
    throw new Error(`The configuration does not hold:\n${problems.join('\n')}`)
  }
  return {
    settings: parsed.data,
    RATE_LIMITER,
    ...(CORE && { CORE }),
    ...(INGEST && { INGEST }),
    ...(QUERY && { QUERY }),
    ...(MODEL && { MODEL }),
    ...(PUBLIC_NETWORK && { PUBLIC_NETWORK }),
    ...(TRUSTED_NETWORK && { TRUSTED_NETWORK }),
  }
}
