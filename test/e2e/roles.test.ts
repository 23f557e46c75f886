import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningCore, startCore } from '../support/core.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import { findPostgres, type Postgres, startPostgres } from '../support/servers/postgres.ts'
import { type Split, startSplit } from '../support/split.ts'
import { ask, must, newKey, rows } from './ask.ts'
import { freePort } from './edge-harness.ts'

/** What a product is held to, whatever it is made of. */
const suites = ['path', 'keys', 'delete-rows', 'recovery', 'models', 'served', 'watches', 'access', 'isolation']

const root = fileURLToPath(new URL('../..', import.meta.url))
const programs = findPostgres()
const libraries = kafkaLibraries()
let database: Postgres
let broker: Kafka

describe.skipIf(programs === undefined || libraries === undefined)(
  'a core in separate processes, over PostgreSQL, Kafka and a warehouse of its own',
  () => {
    beforeAll(async () => {
      ;[database, broker] = await Promise.all([
        startPostgres(programs ?? ''),
        startKafka({ libraries: libraries ?? '' }),
      ])
    }, 180_000)
    afterAll(() => Promise.all([database?.stop(), broker?.stop()]))

    test.each(suites)('passes what one process does: %s', { timeout: 600_000 }, async (suite) => {
      const { passed, failed } = await run(`test/e2e/${suite}.test.ts`)
      expect(failed).toEqual([])
      expect(passed).toBeGreaterThan(0)
    })

    describe('with two of a role', () => {
      const directory = temporaryDirectory()
      let split: Split
      const started: RunningCore[] = []
      /** Another of a role, on ports of its own. */
      async function another(role: 'identity' | 'ingest' | 'query', http = 0): Promise<RunningCore> {
        const env = { ...split.environmentOf(role), CORE_HTTP_PORT: String(http), CORE_GRPC_PORT: '0' }
        const core = await startCore(join(directory.path, role), env)
        started.push(core)
        return core
      }
      beforeAll(async () => {
        split = await startSplit({ kafka: `kafka://127.0.0.1:${broker.port}`, databaseUrl: database.url() })
      }, 180_000)
      afterAll(async () => {
        await Promise.all(started.map((core) => core.stop()))
        await split?.stop()
        directory.remove()
      })

      test(
        'a key that one identity revoked ends at the other, and both sign with the same keys',
        { timeout: 120_000 },
        async () => {
          const { http } = await another('identity')
          const { key, id } = await newKey(split, { scopes: ['sql:read'] })
          const asked = () => ask({ url: split.url, key }, '/v1/sql', { json: { query: 'SELECT 1' } })
          expect((await asked()).status).toBe(200)
          expect((await fetch(new URL('/health/ready', http))).status).toBe(200)
          await must(split, `/v1/keys/${id}`, { method: 'DELETE' })
          await expect.poll(async () => (await asked()).status, { timeout: 5_000 }).toBe(401)
        },
      )

      test(
        'a second ingest stands by, is live and not ready, and goes on with every event where the first ended',
        { timeout: 180_000 },
        async () => {
          await must(split, '/v1/events/handed?wait=true', { body: '{"n":1}\n{"n":2}' })
          const port = await freePort()
          const second = another('ingest', port)
          await expect.poll(() => statusOf(port, 'live'), { timeout: 90_000 }).toBe(200)
          expect(await statusOf(port, 'ready')).toBe(503)
          // What the first was told and the warehouse was not, the second takes there.
          await must(split, '/v1/events/handed', { body: '{"n":3}' })
          await split.drop('ingest')
          await second
          expect(await statusOf(port, 'ready')).toBe(200)
          const found = async () =>
            (await rows(split, 'SELECT count() AS total, uniqExact(n) AS different FROM handed'))[0]
          await expect.poll(found, { timeout: 60_000 }).toEqual({ total: 3, different: 3 })
        },
      )
    })
  },
)

async function statusOf(port: number, what: 'live' | 'ready'): Promise<number> {
  return fetch(`http://127.0.0.1:${port}/health/${what}`).then(
    ({ status }) => status,
    () => 0,
  )
}

interface Report {
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** A suite as it is, with products that are started in parts. */
async function run(file: string) {
  const directory = temporaryDirectory()
  const output = join(directory.path, 'report.json')
  const patience = ['--hookTimeout=180000', '--testTimeout=60000']
  const args = ['run', '--config', 'test/vitest.config.ts', ...patience, file]
  const outer = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))
  const engines = { TEST_DATABASE_URL: database.url(), TEST_SPLIT_OVER: `kafka://127.0.0.1:${broker.port}` }
  const child = spawn('vitest', args, {
    cwd: root,
    env: { ...Object.fromEntries(outer), ...engines, TEST_REPORT: output },
    stdio: 'ignore',
  })
  await new Promise((resolve) => child.once('exit', resolve))
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as Report
  directory.remove()
  const results = testResults.flatMap(({ assertionResults }) => assertionResults)
  const failures = results.filter(({ status }) => status === 'failed')
  const broken = testResults.map(({ message }) => message).filter((message) => message !== '')
  return {
    passed: results.filter(({ status }) => status === 'passed').length,
    failed: [...broken, ...failures.map((one) => `${one.fullName}: ${one.failureMessages.join('\n').slice(0, 1_000)}`)],
  }
}
