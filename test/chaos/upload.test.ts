import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, must, rows, trained } from '../e2e/ask.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type Product, startProduct } from '../support/product.ts'
import { createRandom } from '../../core/model/random.ts'
import { steps } from './dying-disk.ts'

/**
 * The core, killed while it keeps the file of a model: before, within and after, at steps that a seed picks.
 *
 *     KILLS=10 SEED=1 npx vitest run --config test/vitest.config.ts test/chaos/upload.test.ts
 */
const kills = Math.min(steps, Number(process.env['KILLS'] ?? 3))
const seed = Number(process.env['SEED'] ?? 1)

const directory = temporaryDirectory()
const diesAt = join(directory.path, 'dies-at')
let product: Product
beforeAll(async () => {
  const preload = new URL('dying-disk.ts', import.meta.url).href
  product = await startProduct({ env: { NODE_OPTIONS: `--import=${preload}`, DIES_AT: diesAt } })
  const random = createRandom(3)
  const lines = Array.from({ length: 2_000 }, () => {
    const [a, b] = [random(), random()]
    return JSON.stringify({ a, b, y: a * b + random() / 2 })
  })
  await must(product, '/v1/events/points?wait=true', { body: lines.join('\n') })
}, 120_000)
afterAll(async () => {
  await product?.stop()
  directory.remove()
})

interface Version {
  readonly version: number
  readonly status: string
  readonly live: boolean
  readonly sha256?: string
}

const folder = (name: 'models' | 'parts'): string => join(product.data, 'objects', name)
const predict = () => ask<{ version: number }>(product, '/v1/models/sums/predict', { json: { a: 0.5, b: 0.5 } })
const versions = async () => (await must<{ data: readonly Version[] }>(product, '/v1/models/sums/versions')).json.data

/** Whatever has the name of a file is that file: its name is the hash of it. */
function expectWholeFiles(): void {
  for (const name of readdirSync(folder('models'))) {
    const file = readFileSync(join(folder('models'), name))
    expect(createHash('sha256').update(file).digest('hex')).toBe(name)
  }
}

/** Trains the next version with the core ended at that step, and answers its job once another core is there. */
async function trainUntilKilled(step: number): Promise<string> {
  // What has just changed the edge knows after five seconds at the latest; from then on it needs nobody.
  await sleep(5_000)
  await predict()
  const before = product.corePid()
  writeFileSync(diesAt, String(step))
  // Of another seed, and so another file each time.
  const [started] = await rows<{ job: string }>(product, `RETRAIN sums USING seed = ${100 + step}`)
  while (existsSync(diesAt)) await sleep(20)
  expect(await predict()).toMatchObject({ status: 200 })
  await expect
    .poll(async () => product.corePid() !== before && (await ask(product, '/v1/models/sums')).status, {
      timeout: 30_000,
    })
    .toBe(200)
  return started!.job
}

async function endOf(job: string): Promise<string> {
  for (;;) {
    const { json } = await must<{ status: string }>(product, `/v1/jobs/${job}`)
    if (json.status !== 'queued' && json.status !== 'running') return json.status
    await sleep(100)
  }
}

test(
  `killed at ${kills} of ${steps} steps of keeping a file, by seed ${seed}: no half file, no stuck job, no lost live model`,
  { timeout: 180_000 + kills * 60_000 },
  async () => {
    await trained(
      product,
      `CREATE MODEL sums FROM (SELECT * FROM points) PREDICT y USING engine = 'gbdt', rounds = 20, seed = 1`,
    )
    const random = createRandom(seed)
    const order = Array.from({ length: steps }, (_, step) => ({ step, at: random() })).sort((a, b) => a.at - b.at)
    for (const { step } of order.slice(0, kills)) {
      const live = (await predict()).json.version
      const job = await trainUntilKilled(step)
      expectWholeFiles()
      // Nothing of the new version is seen before all of it is there.
      const [newest, ...older] = await versions()
      expect([newest!.status, newest!.live, newest!.sha256], `step ${step}`).toEqual(['training', false, undefined])
      expect(older.find((version) => version.live)?.version).toBe(live)
      expect((await predict()).json.version).toBe(live)
      expect(await endOf(job), `step ${step}`).toBe('done')
      expectWholeFiles()
      await expect.poll(async () => (await predict()).json.version, { timeout: 10_000 }).toBe(newest!.version)
    }

    // A file that has its name, and whose training is then called off: nobody names it.
    const job = await trainUntilKilled(steps - 1)
    await rows(product, `CANCEL TRAINING '${job}'`)
    expect(await endOf(job)).toBe('cancelled')
    const named = new Set((await versions()).flatMap(({ sha256 = '' }) => sha256 || []))
    expect(named.size).toBe(kills + 1)
    expect(readdirSync(folder('models'))).toHaveLength(named.size + 1)

    // What nobody names goes, once it is an hour old; what a version names stays, however old.
    const old = new Date(Date.now() - 2 * 3_600_000)
    for (const kind of ['models', 'parts'] as const) {
      for (const name of readdirSync(folder(kind))) utimesSync(join(folder(kind), name), old, old)
    }
    await expect
      .poll(() => [readdirSync(folder('parts')).length, readdirSync(folder('models')).length], { timeout: 90_000 })
      .toEqual([0, named.size])
    expect(new Set(readdirSync(folder('models')))).toEqual(named)
    expect((await predict()).status).toBe(200)
  },
)
