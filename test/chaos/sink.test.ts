import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import type { Task, Told } from './sink-process.ts'

const program = fileURLToPath(new URL('./sink-process.ts', import.meta.url))

interface Ended {
  readonly signal: NodeJS.Signals | null
  readonly code: number | null
  readonly appended: boolean
  readonly found: Told['found']
}

function run(task: Task): Promise<Ended> {
  const child = fork(program, [JSON.stringify(task)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  let told: Told = {}
  child.on('message', (message: Told) => (told = { ...told, ...message }))
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, appended: told.appended ?? false, found: told.found }))
  })
}

/** Past 2^53, so that a float anywhere on the way would show. */
const number = (at: number): string => String(9_007_199_254_740_993n + BigInt(at))

const numbers = Array.from({ length: 3_000 }, (_row, at) => number(at))
const everyRowOnce = { rows: '3000', numbers, months: '2' }

const cases = [
  ['after the plan', 'after-plan', undefined],
  ['before the insert', 'during-insert', undefined],
  ['during the insert', 'during-insert', 3],
  ['between insert and commit', 'before-commit', undefined],
] as const

test.each(cases)('killed %s, twice, the sink has every row once', { timeout: 90_000 }, async (_, dieAt, dieAfterMs) => {
  const end = await killedTwice({ dieAt, ...(dieAfterMs !== undefined && { dieAfterMs }) })
  expect(end).toMatchObject({ code: 0, found: everyRowOnce })
})

const libraries = kafkaLibraries()
describe.skipIf(libraries === undefined)('on Apache Kafka', () => {
  let kafka: Kafka | undefined
  let logs = 0
  beforeAll(async () => void (kafka = await startKafka({ libraries: libraries ?? '' })), 90_000)
  afterAll(() => kafka?.stop())

  test.each(cases)(
    'killed %s, twice, the sink has every row once',
    { timeout: 120_000 },
    async (_, dieAt, dieAfterMs) => {
      const log = kafka && { kafka: kafka.options(`killed${logs++}`) }
      const end = await killedTwice({ dieAt, ...(dieAfterMs !== undefined && { dieAfterMs }), ...log })
      expect(end).toMatchObject({ code: 0, found: everyRowOnce })
    },
  )
})

async function killedTwice(how: Pick<Task, 'dieAt' | 'dieAfterMs' | 'kafka'>): Promise<Ended> {
  const directory = temporaryDirectory()
  try {
    // Batches are cut differently every time, and more comes in while some of it is in doubt.
    const first = {
      directory: directory.path,
      append: numbers.slice(0, 1_500),
      batchRows: 400,
      dieOn: 2,
      ...how,
    }
    expect(await run(first)).toMatchObject({ signal: 'SIGKILL', appended: true })
    const second = { ...first, append: numbers.slice(1_500), batchRows: 150, dieOn: 3 }
    expect(await run(second)).toMatchObject({ signal: 'SIGKILL' })
    // The second may have died before its rows were in the log: who appends sends them again then, with the same identity.
    const last = { directory: directory.path, append: numbers.slice(1_500), batchRows: 1_000 }
    return await run({ ...last, ...(how.kafka && { kafka: how.kafka }) })
  } finally {
    directory.remove()
  }
}
