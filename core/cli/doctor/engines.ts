import type { Finding } from '../doctor.ts'
import { checkControlStore } from './control-store.ts'
import { checkDocuments } from './documents.ts'
import { checkEventLog } from './event-log.ts'
import { checkItems } from './items.ts'
import { checkObjects } from './objects.ts'
import { checkRedis } from './redis.ts'
import { checkWarehouse } from './warehouse.ts'

/** Where a URL puts something that is embedded without it. */
interface Engine {
  readonly variable: string
  /** What is embedded, and what becomes of it there. */
  readonly embedded: string
  /** What it can be instead. */
  readonly instead: string
  /** Asks what the URL leads to; `data` is the data directory. */
  readonly check?: (url: string, data: string) => Promise<Finding>
}

/** Everything that there is a URL for, as the README lists it. Another is a line. */
const engines: readonly Engine[] = [
  {
    variable: 'DATABASE_URL',
    embedded:
      'The control store (keys, people, queries, models) is embedded (PGlite): it survives a crash of the process; a power cut may cost it the last moments',
    instead: 'PostgreSQL or Neon; else keep backups of the data directory, taken while Edgewise is stopped',
    check: checkControlStore,
  },
  {
    variable: 'KAFKA_URL',
    embedded: 'The event log is embedded (SQLite): it survives a crash and a power cut, but not the loss of this disk',
    instead: 'Apache Kafka with replicas on other machines, and begin a new data directory',
    check: checkEventLog,
  },
  {
    variable: 'CLICKHOUSE_URL',
    embedded: 'The warehouse is embedded (chDB): it survives a crash and a power cut, on this disk and for one core',
    instead: 'a ClickHouse server or cluster, for a new data directory',
    check: checkWarehouse,
  },
  {
    variable: 'REDIS_URL',
    embedded: 'Shared keys and counters are embedded (in memory): a restart forgets them, and nobody else sees them',
    instead:
      'Redis, for keys that stay and that several cores share (and LIMITS=redis where several workerd share limits)',
    check: checkRedis,
  },
  {
    variable: 'OBJECTS_URL',
    embedded:
      'The files of models are in the data directory: they survive a crash and a power cut, but not the loss of this disk',
    instead: 'S3, or a server of its protocol',
    check: checkObjects,
  },
  {
    variable: 'MYSQL_URL',
    embedded: 'Items of the catalogue are in the control store',
    instead: 'MySQL or MariaDB; items that there are already stay where they are',
    check: checkItems,
  },
  {
    variable: 'MONGODB_URL',
    embedded: 'Documents of the catalogue are in the control store',
    instead: 'MongoDB; documents that there are already stay where they are',
    check: checkDocuments,
  },
]

/** Which engines are embedded and which URL replaces each, and whether those that are not answer. */
export async function checkEngines(
  env: Readonly<Record<string, string | undefined>>,
  data: string,
): Promise<readonly Finding[]> {
  return Promise.all(
    engines.map(async ({ variable, embedded, instead, check }): Promise<Finding> => {
      const url = env[variable] || undefined
      if (url === undefined) return { level: 'note', what: embedded, mend: `Set ${variable}, for ${instead}.` }
      return check === undefined ? { level: 'ok', what: `${variable} is set` } : check(url, data)
    }),
  )
}
