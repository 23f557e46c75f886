import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../directory.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** One test as vitest's reporter has it. */
export interface Ran {
  readonly status: string
  readonly title: string
  readonly ancestorTitles: readonly string[]
}

/** By file, as `test/…`. One without tests is one that could not be read. */
export type Report = ReadonlyMap<string, readonly Ran[]>

export function readReport(path: string): Report {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly testResults: readonly { readonly name: string; readonly assertionResults: readonly Ran[] }[]
  }
  return new Map(testResults.map(({ name, assertionResults }) => [relative(root, name), assertionResults]))
}

/** Of a file that several have, the one in which the most ran. */
export function merged(reports: readonly Report[]): Report {
  const best = new Map<string, readonly Ran[]>()
  for (const [file, tests] of reports.flatMap((report) => [...report])) {
    if (countRan(tests) >= countRan(best.get(file) ?? [])) best.set(file, tests)
  }
  return best
}

function countRan(tests: readonly Ran[]): number {
  return tests.filter(({ status }) => status === 'passed' || status === 'failed').length
}

/** Runs files in a process of their own. What fails is said on stderr. */
export async function runSuites(
  files: readonly string[],
  env: Readonly<Record<string, string>>,
  workers: number,
): Promise<Report> {
  if (files.length === 0) return new Map()
  const directory = temporaryDirectory()
  const output = join(directory.path, 'report.json')
  const args = ['run', '--config', 'test/vitest.config.ts', `--maxWorkers=${workers}`, ...files]
  const child = spawn('vitest', args, {
    cwd: root,
    env: { ...process.env, TEST_DATABASE_URL: '', ...env, TEST_REPORT: output },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await new Promise((resolve) => child.once('exit', resolve))
  const report = readReport(output)
  directory.remove()
  return report
}
