import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from './directory.ts'
import { startNeonProxy } from './servers/neon-proxy.ts'
import { findPostgres, startPostgres } from './servers/postgres.ts'

/**
 * The same suites on every engine of the control store, and a table of what came of it. Other arguments are suites:
 * `npm run test:engines -- test/core/identity`.
 */
const suites = [
  'test/core/audit',
  'test/core/catalog/store.postgres.test.ts',
  'test/core/config',
  'test/core/identity',
  'test/core/query/publish.test.ts',
  'test/core/ingest/streams.test.ts',
  'test/core/storage/jobs.test.ts',
]
const root = fileURLToPath(new URL('../..', import.meta.url))

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** Passed of all, by file. */
async function run(chosen: readonly string[], databaseUrl: string): Promise<ReadonlyMap<string, string>> {
  const directory = temporaryDirectory()
  const output = join(directory.path, 'report.json')
  const args = ['run', '--config', 'test/vitest.config.ts', '--reporter=json', `--outputFile=${output}`, ...chosen]
  const child = spawn('vitest', args, {
    cwd: root,
    env: { ...process.env, TEST_DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await new Promise((resolve) => child.once('exit', resolve))
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as Report
  directory.remove()
  return new Map(
    testResults.map(({ name, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed')
      for (const { fullName } of failed) console.error(`failed: ${fullName}`)
      const ran = assertionResults.filter(({ status }) => status === 'passed' || status === 'failed')
      const isWhole = failed.length === 0 && ran.length > 0
      return [relative(root, name), `${isWhole ? 'pass' : 'FAIL'} ${ran.length - failed.length}/${ran.length}`]
    }),
  )
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : suites
const programs = findPostgres()
const columns: { readonly engine: string; readonly came: ReadonlyMap<string, string> | undefined }[] = [
  { engine: 'PGlite', came: await run(chosen, '') },
]
if (programs === undefined) for (const engine of ['PostgreSQL', 'Neon']) columns.push({ engine, came: undefined })
else {
  const [server, proxy] = await Promise.all([startPostgres(programs), startNeonProxy()])
  columns.push({ engine: 'PostgreSQL', came: await run(chosen, server.url()) })
  const neon = server.url('postgres', `driver=neon&ws_proxy=${encodeURIComponent(proxy.url)}`)
  columns.push({ engine: 'Neon (its driver, to a proxy here)', came: await run(chosen, neon) })
  await proxy.stop()
  await server.stop()
}
const files = [...new Set(columns.flatMap(({ came }) => [...(came?.keys() ?? [])]))].sort()
console.log(`| suite | ${columns.map(({ engine }) => engine).join(' | ')} |`)
console.log(`|---|${columns.map(() => '---|').join('')}`)
for (const file of files) {
  const cells = columns.map(({ came }) => (came === undefined ? 'not obtainable' : (came.get(file) ?? 'FAIL 0/0')))
  console.log(`| ${file.replace(/^test\//, '')} | ${cells.join(' | ')} |`)
  if (cells.some((cell) => cell.startsWith('FAIL'))) process.exitCode = 1
}
if (files.length === 0) process.exitCode = 1
