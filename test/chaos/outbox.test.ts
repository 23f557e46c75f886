import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { findMariadb, startMariadb } from '../support/servers/mariadb.ts'
import { mongoLibraries, startMongo } from '../support/servers/mongodb.ts'
import { findPostgres, startPostgres } from '../support/servers/postgres.ts'
import type { Found, Task, Told } from './outbox-process.ts'

/**
 * The catalogue, killed between a row and its event, and at any other moment that a seed decides: in the end each change that
 * was committed is an event once, and there is no event without its change.
 */
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 4)
const seed = Number(process.env['SEED'] ?? 1)
const program = fileURLToPath(new URL('./outbox-process.ts', import.meta.url))

interface Ended {
  readonly signal: NodeJS.Signals | null
  readonly code: number | null
  readonly acknowledged: readonly string[]
  readonly found: Found | undefined
}

function run(task: Task): Promise<Ended> {
  const child = fork(program, [JSON.stringify(task)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const acknowledged: string[] = []
  let found: Found | undefined
  child.on('message', (told: Told) => {
    if (told.acknowledged !== undefined) acknowledged.push(told.acknowledged)
    found = told.found ?? found
  })
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, acknowledged, found }))
  })
}

/** How many changes were acknowledged, all of which were found. */
async function survives(where: Pick<Task, 'resource' | 'url'>): Promise<number> {
  const directory = temporaryDirectory()
  const random = createRandom(seed)
  const acknowledged: string[] = []
  const moments = [
    () => ({ dieAt: 'before-send', dieOn: 1 + Math.floor(random() * 8) }) as const,
    () => ({ dieAt: 'after-send', dieOn: 1 + Math.floor(random() * 8) }) as const,
    () => ({ dieAfterMs: random() * 150 }),
  ]
  try {
    for (let round = 0; round < rounds; round++) {
      const moment = moments[round % moments.length]?.()
      const end = await run({ ...where, ...moment, directory: directory.path, seed: seed * 1_000 + round })
      expect([round, end.signal]).toEqual([round, 'SIGKILL'])
      acknowledged.push(...end.acknowledged)
    }
    const { code, found } = await run({ ...where, directory: directory.path, seed, finish: true })
    expect(code).toBe(0)
    const { changes = [], kept = [], seen = [] } = found ?? {}
    const places = changes.map((change) => change.split(' ').slice(0, 2).join(' '))
    // Once, none that was acknowledged missing, and of each entry every version up to the last.
    expect(places.length - new Set(places).size).toBe(0)
    expect(acknowledged.filter((change) => !places.includes(change))).toEqual([])
    for (const [id, versions] of Map.groupBy(places, (text) => text.split(' ')[0])) {
      expect([id, versions.map((text) => Number(text.split(' ')[1]))]).toEqual([id, versions.map((_, at) => at + 1)])
    }
    // And no event without its change: what SQL sees is what the store has, in version and content.
    expect(seen).toEqual(kept)
    const { resource } = where
    process.stdout.write(`${JSON.stringify({ resource, rounds, seed, changes: changes.length, kept: kept.length })}\n`)
    return acknowledged.length
  } finally {
    directory.remove()
  }
}

const timeout = { timeout: 120_000 + rounds * 20_000 }

test.each(['products', 'documents'] as const)('%s, embedded', timeout, async (resource) => {
  expect(await survives({ resource })).toBeGreaterThan(rounds)
})

const postgres = findPostgres()
test.skipIf(postgres === undefined)('products, on PostgreSQL', timeout, async () => {
  const server = await startPostgres(postgres ?? '')
  try {
    expect(await survives({ resource: 'products', url: server.url() })).toBeGreaterThan(rounds)
  } finally {
    await server.stop()
  }
})

const mariadb = findMariadb()
test.skipIf(mariadb === undefined)('items, on MariaDB', timeout, async () => {
  const server = await startMariadb(mariadb ?? '')
  try {
    expect(await survives({ resource: 'items', url: server.url() })).toBeGreaterThan(rounds)
  } finally {
    await server.stop()
  }
})

const libraries = mongoLibraries()
test.skipIf(libraries === undefined)('documents, in MongoDB', timeout, async () => {
  const server = await startMongo(libraries ?? '')
  try {
    expect(await survives({ resource: 'documents', url: server.url() })).toBeGreaterThan(rounds)
  } finally {
    await server.stop()
  }
})
