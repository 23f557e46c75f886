import { z } from 'zod'
import { parseServices } from './identity/services.ts'
import { parseMasterKey } from './seal.ts'
import { parseKafkaUrl } from './storage/kafka/url.ts'
import { parseMongoUrl } from './storage/mongodb/url.ts'
import { parseMysqlUrl } from './storage/mysql/url.ts'
import { parseDatabaseUrl } from './storage/postgres/url.ts'

const bytes = (value: number) => z.coerce.number().int().min(1).default(value)
const port = (value: number) => z.coerce.number().int().min(0).max(65_535).default(value)

const masterKey = z.string().transform((text, context) => {
  const key = parseMasterKey(text)
  if (key === undefined) context.addIssue('must be 32 bytes in base64, as `openssl rand -base64 32` makes them')
  return key ?? z.NEVER
})

const schema = z.object({
  EDGEWISE_DATA: z.string().min(1).default('.edgewise'),
  ROLES: z.literal('all', 'the embedded engines serve one process: ROLES must be `all`').default('all'),
  /** The control store on a PostgreSQL or on Neon; else it is embedded. */
  DATABASE_URL: z
    .string()
    .transform((text, context) => {
      const url = parseDatabaseUrl(text)
      if (typeof url !== 'string') return url
      context.addIssue(url)
      return z.NEVER
    })
    .optional(),
  /** Items on a MySQL or a MariaDB; else they are in the control store. */
  MYSQL_URL: z
    .string()
    .transform((text, context) => {
      const url = parseMysqlUrl(text)
      if (typeof url !== 'string') return url
      context.addIssue(url)
      return z.NEVER
    })
    .optional(),
  CORE_HOST: z.string().min(1).default('127.0.0.1'),
  CORE_HTTP_PORT: port(8788),
  CORE_GRPC_PORT: port(8789),
  /** Files in PEM, all three or none: gRPC over TLS, for clients whose certificate the authority signed. */
  CORE_GRPC_CERT_FILE: z.string().optional(),
  CORE_GRPC_KEY_FILE: z.string().optional(),
  CORE_GRPC_CLIENT_CA_FILE: z.string().optional(),
  /** Which services are somebody by their certificate: `spiffe://… [workspace=NAME] scope …`, separated by commas. */
  SERVICE_IDENTITIES: z
    .string()
    .default('')
    .transform((text, context) => {
      const actors = parseServices(text)
      if (typeof actors !== 'string') return actors
      context.addIssue(actors)
      return z.NEVER
    }),
  /** Whether a sidecar, over loopback, is believed in x-forwarded-client-cert. */
  FORWARDED_CLIENT_CERT: z.enum(['ignore', 'loopback']).default('ignore'),
  EDGE_TOKEN: z.string().min(32, 'must have at least 32 characters').optional(),
  /** What the gateway is reached at from outside: `iss` and `aud` of the tokens that are issued here. */
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .default('http://127.0.0.1:8787'),
  /** What secrets at rest are sealed with; else the key in the file, else one that is made in the data directory. */
  EDGEWISE_MASTER_KEY: masterKey.optional(),
  EDGEWISE_MASTER_KEY_FILE: z.string().optional(),
  /** Those of before, separated by commas: what they sealed still opens. */
  EDGEWISE_MASTER_KEY_PREVIOUS: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(masterKey))
    .default([]),
  /** Hosts that providers' addresses may lead to although they are private: `host` or `host:port`, separated by commas. */
  OUTBOUND_ALLOW: z
    .string()
    .transform((text) => text.split(',').map((host) => host.trim()))
    .default([]),
  /** Where routes may lead: `host`, `host:port` or `.suffix`, separated by commas. */
  UPSTREAM_ALLOW: z
    .string()
    .transform((text) => text.split(',').map((host) => host.trim()))
    .default([]),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  LOG_PARTITIONS: z.coerce.number().int().min(1).max(64).default(4),
  /** `kafka://[user:password@]host:port[,host:port…][?tls=true&…]`: the event log is Kafka's then, else embedded. */
  KAFKA_URL: z
    .string()
    .transform((text, context) => {
      const options = parseKafkaUrl(text)
      if (typeof options !== 'string') return options
      context.addIssue(options)
      return z.NEVER
    })
    .optional(),
  /** `mongodb://…` or `mongodb+srv://…`: documents are kept there then, else in the control store. */
  MONGODB_URL: z
    .string()
    .transform((text, context) => {
      const url = parseMongoUrl(text)
      if (typeof url !== 'string') return url
      context.addIssue(url)
      return z.NEVER
    })
    .optional(),
  /** 0 keeps the audit log for good. */
  AUDIT_RETENTION_DAYS: z.coerce.number().min(0).default(400),
  LOG_RETENTION_HOURS: z.coerce.number().min(24).default(168),
  WAREHOUSE_MEMORY_BYTES: bytes(2 * 1024 ** 3),
  WAREHOUSE_READ_SLOTS: z.coerce.number().int().min(1).max(64).default(4),
  WAREHOUSE_WRITE_SLOTS: z.coerce.number().int().min(1).max(64).default(2),
  DEFAULT_PLAN_REQUESTS: z.coerce.number().int().min(0).default(6_000),
  DEFAULT_PLAN_WINDOW_SECONDS: z.coerce.number().int().min(1).max(86_400).default(60),
})

export type Env = z.infer<typeof schema>

/** The environment, parsed once. Throws an error that names each variable that does not hold. */
export function parseEnv(environment: Readonly<Record<string, string | undefined>> = process.env): Env {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const result = schema.safeParse(set)
  if (result.success) return result.data
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`The configuration does not hold:\n${lines.join('\n')}`)
}
