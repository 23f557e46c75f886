import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type MongoServer, mongoLibraries, startMongo } from '../support/servers/mongodb.ts'
import type { Task, Told, Version } from './documents-process.ts'

/** Some moments here; fifty by CHAOS_ROUNDS=50. */
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 4)
const seed = Number(process.env['SEED'] ?? 1)
const program = fileURLToPath(new URL('./documents-process.ts', import.meta.url))
const libraries = mongoLibraries()

function run(task: Task, hear: (told: Told) => void): Promise<NodeJS.Signals | number | null> {
  const child = fork(program, [JSON.stringify(task)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.on('message', hear)
  return new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
}

const name = ({ id, version }: Version): string => `${id} ${version}`

async function everyChangeIsAnEventOnce(mongodb?: string): Promise<void> {
  const random = createRandom(seed)
  const directory = temporaryDirectory()
  const where = { directory: directory.path, ...(mongodb !== undefined && { mongodb }) }
  const acknowledged = new Set<string>()
  try {
    for (let round = 0; round < rounds; round++) {
      const dieAt = (['before-send', 'after-send', 'clock'] as const)[round % 3] ?? 'clock'
      const dieOn = dieAt === 'clock' ? 20 + random() * 200 : 1 + Math.floor(random() * 12)
      const ended = await run({ ...where, seed: seed * 1_000 + round, dieAt, dieOn }, (told) => {
        if ('acknowledged' in told) acknowledged.add(name(told.acknowledged))
      })
      expect(ended, `round ${round} of seed ${seed}`).toBe('SIGKILL')
    }
    let last: Extract<Told, { kept: unknown }> | undefined
    expect(await run({ ...where, seed }, (told) => void ('kept' in told && (last = told)))).toBe(0)
    const { kept, events } = last ?? { kept: [], events: [] }
    const changes = kept.flatMap(({ id, version }) =>
      Array.from({ length: version }, (_, i) => name({ id, version: i + 1 })),
    )
    // What was sent twice has one identity, by which the sink drops the second.
    const once = new Map(events.map((event) => [event.key, name(event)]))
    expect([...once.values()].toSorted()).toEqual(changes.toSorted())
    const made = new Set(changes)
    expect([...acknowledged].filter((change) => !made.has(change))).toEqual([])
    expect(acknowledged.size).toBeGreaterThan(rounds)
  } finally {
    directory.remove()
  }
}

const timeout = 60_000 + rounds * 20_000

describe(`the core killed ${rounds} times between a document and its event: each change is an event once, and nothing else is`, () => {
  test('in PGlite', { timeout }, () => everyChangeIsAnEventOnce())

  describe.skipIf(libraries === undefined)('in MongoDB', () => {
    let server: MongoServer | undefined
    beforeAll(async () => void (server = await startMongo(libraries ?? '')), 90_000)
    afterAll(() => server?.stop())
    test('too', { timeout }, () => everyChangeIsAnEventOnce(server?.url('moments')))
  })
})
