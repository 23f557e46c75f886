import { type Engine, type Need, needs, type Suite } from './engines/needs.ts'
import { merged, type Ran, readReport, type Report, runSuites } from './engines/suites.ts'

/**
 * The same cases on every engine, and a table of what came of them. Words pick needs and files, and reports (JSON of vitest,
 * written where TEST_REPORT is set) stand for what has been run already:
 *
 *     npm run test:engines
 *     npm run test:engines -- objects
 *     TEST_REPORTS=a.json,b.json npm run test:engines
 */
const words = process.argv.slice(2)
const known = (process.env['TEST_REPORTS'] ?? '').split(',').filter((path) => path !== '')
/** Of vitest, each with this many tests at once. */
const runsAtOnce = 2
const workers = 1

function picked({ need, engines }: Need): Need {
  const isPicked = ({ file }: Suite): boolean =>
    words.length === 0 || words.some((word) => need.includes(word) || file.includes(word))
  return { need, engines: engines.map((engine) => ({ ...engine, suites: engine.suites.filter(isPicked) })) }
}

/** What came of an engine's suites; undefined where it is not to be had. */
async function runOn({ suites, start }: Engine): Promise<Report | undefined> {
  const server = await start?.()
  if (server === undefined) return undefined
  const report = await runSuites(filesOf(suites), server.env, workers)
  await server.stop()
  return report
}

function filesOf(suites: readonly Suite[]): readonly string[] {
  return [...new Set(suites.map(({ file }) => file))]
}

/** A line's name, and how it went. */
function* linesOf({ file, within }: Suite, report: Report | undefined): Generator<readonly [string, string]> {
  const tests = report?.get(file) ?? []
  if (within === undefined) {
    yield [file.replace(/^test\//, ''), report === undefined ? notObtainable : whole(tests)]
    return
  }
  for (const test of tests) if (test.ancestorTitles.includes(within)) yield [test.title, endOf(test)]
}

const notObtainable = 'not obtainable'

function endOf({ status }: Ran): string {
  if (status === 'passed') return 'pass'
  // It skips where its server is absent.
  return status === 'failed' ? 'FAIL' : notObtainable
}

function whole(tests: readonly Ran[]): string {
  const ends = tests.map(endOf)
  const passed = ends.filter((end) => end === 'pass').length
  const ran = ends.filter((end) => end !== notObtainable).length
  if (tests.length > 0 && ran === 0) return notObtainable
  return passed === ran && ran > 0 ? `pass ${passed}/${ran}` : `FAIL ${passed}/${ran}`
}

function print({ need, engines }: Need, reports: ReadonlyMap<Engine, Report | undefined>): boolean {
  const columns = engines.map((engine) => {
    const report = reports.get(engine)
    const lines = new Map(engine.suites.flatMap((suite) => [...linesOf(suite, report)]))
    // A case that another engine has and this one did not run has failed; but of one that is not there none was run.
    const absent = report === undefined ? notObtainable : 'FAIL'
    return { engine: engine.engine, lines, absent }
  })
  const names = new Set(columns.flatMap(({ lines }) => [...lines.keys()]))
  if (names.size === 0) return engines.every(({ suites }) => suites.length === 0)
  console.log(`\n| ${need} | ${columns.map(({ engine }) => engine).join(' | ')} |`)
  console.log(`|---|${columns.map(() => '---|').join('')}`)
  let isGreen = true
  for (const name of names) {
    const cells = columns.map(({ lines, absent }) => lines.get(name) ?? absent)
    console.log(`| ${name.replaceAll('|', '\\|')} | ${cells.join(' | ')} |`)
    isGreen &&= !cells.some((cell) => cell.startsWith('FAIL'))
  }
  return isGreen
}

const chosen = needs.map(picked)
const engines = chosen.flatMap((need) => need.engines).filter(({ suites }) => suites.length > 0)
const before = merged(known.map(readReport))
const plain = engines.filter(({ start }) => start === undefined)
const missing = filesOf(plain.flatMap(({ suites }) => suites)).filter((file) => !before.has(file))
const reports = new Map<Engine, Report | undefined>()
const waiting = [
  ...engines
    .filter(({ start }) => start !== undefined)
    .map((engine) => async (): Promise<void> => void reports.set(engine, await runOn(engine))),
  async (): Promise<void> => {
    const report = merged([before, await runSuites(missing, {}, workers)])
    for (const engine of plain) reports.set(engine, report)
  },
]
const lane = async (): Promise<void> => {
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await next()
}
await Promise.all(Array.from({ length: runsAtOnce }, lane))
const green = chosen.map((need) => print(need, reports))
if (engines.length === 0 || green.includes(false)) process.exitCode = 1
