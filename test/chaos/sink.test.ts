import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
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

test.each([
  ['after the plan', 'after-plan', undefined],
  ['before the insert', 'during-insert', undefined],
  ['during the insert', 'during-insert', 3],
  ['between insert and commit', 'before-commit', undefined],
] as const)('killed %s, twice, the sink has every row once', { timeout: 90_000 }, async (_, dieAt, dieAfterMs) => {
  const directory = temporaryDirectory()
  const late = dieAfterMs === undefined ? {} : { dieAfterMs }
  const numbers = Array.from({ length: 3_000 }, (_row, at) => number(at))
  try {
    // Batches are cut differently every time, and more comes in while some of it is in doubt.
    const first = {
      directory: directory.path,
      append: numbers.slice(0, 1_500),
      batchRows: 400,
      dieAt,
      dieOn: 2,
      ...late,
    }
    expect(await run(first)).toMatchObject({ signal: 'SIGKILL', appended: true })
    const second = { ...first, append: numbers.slice(1_500), batchRows: 150, dieOn: 3 }
    expect(await run(second)).toMatchObject({ signal: 'SIGKILL' })
    // The second may have died before its rows were in the log: who appends sends them again then, with the same identity.
    const { code, found } = await run({ directory: directory.path, append: numbers.slice(1_500), batchRows: 1_000 })
    expect(code).toBe(0)
    expect(found).toEqual({ rows: '3000', numbers, months: '2' })
  } finally {
    directory.remove()
  }
})
