import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startNeonProxy } from '../servers/neon-proxy.ts'
import { findPostgres, startPostgres } from '../servers/postgres.ts'

/** A file of tests: those under that heading are the contract's cases, each a line; without one the file is a line. */
export interface Suite {
  readonly file: string
  readonly within?: string
}

export interface Engine {
  readonly engine: string
  readonly suites: readonly Suite[]
  /**
   * For suites that are told by the environment what to run on, and are run once more for it; undefined where the machine
   * lacks it. Suites that start their servers themselves, and skip where they cannot, need none.
   */
  readonly start?: () => Promise<{ readonly env: Readonly<Record<string, string>>; stop(): Promise<void> } | undefined>
}

export interface Need {
  readonly need: string
  readonly engines: readonly Engine[]
}

function filesIn(folder: string): readonly Suite[] {
  const names = readdirSync(fileURLToPath(new URL(`../../../${folder}`, import.meta.url)))
  return names.filter((name) => name.endsWith('.test.ts')).map((name) => ({ file: `${folder}/${name}` }))
}

const control: readonly Suite[] = [
  { file: 'test/contract/control.test.ts', within: 'the control store' },
  ...filesIn('test/core/audit'),
  ...filesIn('test/core/config'),
  ...filesIn('test/core/identity'),
  ...filesIn('test/core/kafka'),
  { file: 'test/core/catalog/store.postgres.test.ts' },
  { file: 'test/core/query/publish.test.ts' },
  { file: 'test/core/ingest/streams.test.ts' },
  { file: 'test/core/storage/jobs.test.ts' },
]

async function postgres() {
  const programs = findPostgres()
  if (programs === undefined) return undefined
  const server = await startPostgres(programs)
  return { env: { TEST_DATABASE_URL: server.url() }, stop: () => server.stop() }
}

async function neon() {
  const programs = findPostgres()
  if (programs === undefined) return undefined
  const [server, proxy] = await Promise.all([startPostgres(programs), startNeonProxy()])
  const url = server.url('postgres', `driver=neon&ws_proxy=${encodeURIComponent(proxy.url)}`)
  return {
    env: { TEST_DATABASE_URL: url },
    async stop() {
      await proxy.stop()
      await server.stop()
    },
  }
}

/** Every engine of everything that there is more than one of. Another is a line. */
export const needs: readonly Need[] = [
  {
    need: 'control store',
    engines: [
      { engine: 'PGlite', suites: control },
      { engine: 'PostgreSQL', suites: control, start: postgres },
      { engine: 'Neon (its driver, to a proxy here)', suites: control, start: neon },
    ],
  },
  {
    need: 'event log',
    engines: [
      {
        engine: 'SQLite',
        suites: [
          { file: 'test/core/storage/sqlite/log.test.ts', within: 'the event log' },
          { file: 'test/core/stream/sink.test.ts', within: 'the sink' },
        ],
      },
      {
        engine: 'Apache Kafka',
        suites: [
          { file: 'test/contract/kafka.test.ts', within: 'the event log' },
          { file: 'test/core/stream/sink.test.ts', within: 'the sink on Apache Kafka' },
        ],
      },
    ],
  },
  {
    need: 'objects',
    engines: [
      {
        engine: 'a folder',
        suites: [{ file: 'test/core/storage/folder/objects.test.ts', within: 'the object store' }],
      },
      { engine: 'S3 (versitygw)', suites: [{ file: 'test/contract/s3.test.ts', within: 'the object store' }] },
    ],
  },
  {
    need: 'Redis',
    engines: [
      {
        engine: 'embedded',
        suites: [{ file: 'test/core/redis/run-commands.test.ts', within: 'commands on embedded' }],
      },
      {
        engine: 'Redis',
        suites: [{ file: 'test/core/redis/run-commands.test.ts', within: 'commands on Redis' }],
      },
    ],
  },
  {
    need: 'items',
    engines: [
      {
        engine: 'PGlite',
        suites: [{ file: 'test/core/catalog/store.postgres.test.ts', within: 'items in PostgreSQL, or in PGlite' }],
      },
      { engine: 'MariaDB', suites: [{ file: 'test/core/catalog/store.mysql.test.ts', within: 'items in MariaDB' }] },
    ],
  },
  {
    need: 'documents',
    engines: [
      {
        engine: 'PGlite',
        suites: [{ file: 'test/core/catalog/store.postgres.test.ts', within: 'documents in PostgreSQL, or in PGlite' }],
      },
      {
        engine: 'MongoDB (its protocol)',
        suites: [{ file: 'test/core/catalog/store.mongodb.test.ts', within: 'documents in MongoDB' }],
      },
    ],
  },
]
