import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, must, rows, trained } from '../e2e/ask.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type Product, startProduct } from '../support/product.ts'
import { findS3, startS3 } from '../support/servers/s3.ts'
import { uploadProxy, uploadSteps } from '../support/servers/upload-proxy.ts'
import { createRandom } from '../../core/model/random.ts'
import { steps as folderSteps } from './dying-disk.ts'

/**
 * The core, killed while it keeps the file of a model: before, within and after, at steps that a seed picks; and on S3 that
 * server.
 *
 *     KILLS=9 SEED=1 npx vitest run --config test/vitest.config.ts test/chaos/upload.test.ts
 */
const kills = Math.min(folderSteps, uploadSteps, Number(process.env['KILLS'] ?? 3))
const seed = Number(process.env['SEED'] ?? 1)
const s3 = findS3()

/** Where files are kept, and how somebody is ended amid that. */
interface Place {
  readonly steps: number
  readonly env: Readonly<Record<string, string>>
  /** Folders: of the files, and of what may be left of those that were cut short, if that is in one. */
  models(data: string): string
  parts?(data: string): string
  /** The next upload ends the core at this step, which is the last one that it makes. */
  arm(step: number, corePid: number): void
  isArmed(): boolean
  close(): void | Promise<void>
}

function inFolder(): Place {
  const directory = temporaryDirectory()
  const diesAt = join(directory.path, 'dies-at')
  const preload = new URL('dying-disk.ts', import.meta.url).href
  return {
    steps: folderSteps,
    env: { NODE_OPTIONS: `--import=${preload}`, DIES_AT: diesAt },
    models: (data) => join(data, 'objects', 'models'),
    parts: (data) => join(data, 'objects', 'parts'),
    arm: (step) => writeFileSync(diesAt, String(step)),
    isArmed: () => existsSync(diesAt),
    close: () => directory.remove(),
  }
}

async function onS3() {
  const server = await startS3(s3 ?? '')
  await server.createBucket('files')
  let act: { readonly at: number; readonly end: () => void | Promise<void> } | undefined
  const proxy = await uploadProxy(
    () => server.port,
    async (step) => {
      if (step !== act?.at) return
      const { end } = act
      act = undefined
      await end()
    },
  )
  const url = server.url('files', 'timeout_ms=2000', proxy.port)
  const place: Place = {
    steps: uploadSteps,
    env: { OBJECTS_URL: url.replace('@files?', '@files/edgewise?') },
    models: () => join(server.folder('files'), 'edgewise', 'models'),
    arm: (at, corePid) => (act = { at, end: () => void process.kill(corePid, 'SIGKILL') }),
    isArmed: () => act !== undefined,
    async close() {
      await proxy.close()
      await server.stop()
    },
  }
  /** The next upload ends the server at this step, and a second later it is there again. */
  const killServer = (at: number, restarted: () => void): void => {
    const end = async (): Promise<void> => {
      await server.kill()
      void sleep(1_000).then(() => server.restart().then(restarted))
    }
    act = { at, end }
  }
  return { ...place, killServer }
}

interface Version {
  readonly version: number
  readonly status: string
  readonly live: boolean
  readonly sha256?: string
}

let product: Product
const predict = () => ask<{ version: number }>(product, '/v1/models/sums/predict', { json: { a: 0.5, b: 0.5 } })
const versions = async () => (await must<{ data: readonly Version[] }>(product, '/v1/models/sums/versions')).json.data

async function startWith({ env }: Place): Promise<void> {
  product = await startProduct({ env })
  const random = createRandom(3)
  const lines = Array.from({ length: 2_000 }, () => {
    const [a, b] = [random(), random()]
    return JSON.stringify({ a, b, y: a * b + random() / 2 })
  })
  await must(product, '/v1/events/points?wait=true', { body: lines.join('\n') })
  await trained(
    product,
    `CREATE MODEL sums FROM (SELECT * FROM points) PREDICT y USING engine = 'gbdt', rounds = 20, seed = 1`,
  )
}

/** Whatever has the name of a file is that file: its name is the hash of it. */
function expectWholeFiles(folder: string): void {
  for (const name of readdirSync(folder)) {
    const file = readFileSync(join(folder, name))
    expect(createHash('sha256').update(file).digest('hex')).toBe(name)
  }
}

let retrainings = 0
/** Of another seed, and so another file each time. */
async function retrain(): Promise<string> {
  const [started] = await rows<{ job: string }>(product, `RETRAIN sums USING seed = ${100 + retrainings++}`)
  return started!.job
}

/** What has just changed the edge knows after five seconds at the latest; from then on it needs nobody. */
async function edgeHasIt(): Promise<void> {
  await sleep(5_000)
  await must(product, '/v1/models/sums/predict', { json: { a: 0.5, b: 0.5 } })
}

/** Trains the next version with the core ended at that step, and answers its job once another core is there. */
async function trainUntilKilled(place: Place, step: number): Promise<string> {
  await edgeHasIt()
  const before = product.corePid()
  place.arm(step, before)
  const job = await retrain()
  while (place.isArmed()) await sleep(20)
  expect(await predict()).toMatchObject({ status: 200 })
  await expect
    .poll(async () => product.corePid() !== before && (await ask(product, '/v1/models/sums')).status, {
      timeout: 30_000,
    })
    .toBe(200)
  return job
}

async function endOf(job: string): Promise<string> {
  for (;;) {
    const { status, json } = await ask<{ status: string }>(product, `/v1/jobs/${job}`)
    // For a moment after the core is back it may still be taken for gone.
    if (status === 200 && json.status !== 'queued' && json.status !== 'running') return json.status
    await sleep(100)
  }
}

function seeded(steps: number): readonly number[] {
  const random = createRandom(seed)
  const order = Array.from({ length: steps }, (_, step) => ({ step, at: random() })).sort((a, b) => a.at - b.at)
  return order.slice(0, kills).map(({ step }) => step)
}

/** What holds wherever files are kept. */
function survives(open: () => Place | Promise<Place>): void {
  let place: Place
  beforeAll(async () => {
    place = await open()
    await startWith(place)
  }, 120_000)
  afterAll(async () => {
    await product?.stop()
    await place?.close()
  })

  test(
    `killed at ${kills} steps of keeping a file, by seed ${seed}: no half file, no stuck job, no lost live model`,
    { timeout: 180_000 + kills * 60_000 },
    async () => {
      const models = place.models(product.data)
      const parts = place.parts?.(product.data)
      for (const step of seeded(place.steps)) {
        const live = (await predict()).json.version
        const job = await trainUntilKilled(place, step)
        expectWholeFiles(models)
        // Nothing of the new version is seen before all of it is there.
        const [newest, ...older] = await versions()
        expect([newest!.status, newest!.live, newest!.sha256], `step ${step}`).toEqual(['training', false, undefined])
        expect(older.find((version) => version.live)?.version).toBe(live)
        expect((await predict()).json.version).toBe(live)
        expect(await endOf(job), `step ${step}`).toBe('done')
        expectWholeFiles(models)
        await expect.poll(async () => (await predict()).json.version, { timeout: 10_000 }).toBe(newest!.version)
      }

      // A file that has its name, and whose training is then called off: nobody names it.
      const job = await trainUntilKilled(place, place.steps - 1)
      await rows(product, `CANCEL TRAINING '${job}'`)
      expect(await endOf(job)).toBe('cancelled')
      const named = new Set((await versions()).flatMap(({ sha256 = '' }) => sha256 || []))
      expect(named.size).toBe(kills + 1)
      expect(readdirSync(models)).toHaveLength(named.size + 1)

      // What nobody names goes, once it is an hour old; what a version names stays, however old.
      const old = new Date(Date.now() - 2 * 3_600_000)
      for (const folder of [models, ...(parts === undefined ? [] : [parts])]) {
        for (const name of readdirSync(folder)) utimesSync(join(folder, name), old, old)
      }
      await expect
        .poll(() => [parts === undefined ? 0 : readdirSync(parts).length, readdirSync(models).length], {
          timeout: 90_000,
        })
        .toEqual([0, named.size])
      expect(new Set(readdirSync(models))).toEqual(named)
      expect((await predict()).status).toBe(200)
    },
  )
}

describe('in a folder', () => {
  survives(inFolder)
})

describe.skipIf(s3 === undefined)('on S3', () => {
  survives(onS3)
})

describe.skipIf(s3 === undefined)('the S3 server', () => {
  let place: Awaited<ReturnType<typeof onS3>>
  beforeAll(async () => {
    place = await onS3()
    await startWith(place)
  }, 120_000)
  afterAll(async () => {
    await product?.stop()
    await place?.close()
  })

  test(
    `killed at ${kills} steps of keeping a file, by seed ${seed}: the training waits for it, and what is live predicts on`,
    { timeout: 60_000 + kills * 60_000 },
    async () => {
      for (const step of seeded(place.steps)) {
        await edgeHasIt()
        let isBack = false
        place.killServer(step, () => (isBack = true))
        const before = product.corePid()
        const job = await retrain()
        while (place.isArmed()) await sleep(20)
        expect(await predict()).toMatchObject({ status: 200 })
        expect(await endOf(job), `step ${step}`).toBe('done')
        await expect.poll(() => isBack, { timeout: 10_000 }).toBe(true)
        expect(product.corePid()).toBe(before)
        expectWholeFiles(place.models(product.data))
        const [newest] = await versions()
        await expect.poll(async () => (await predict()).json.version, { timeout: 20_000 }).toBe(newest!.version)
      }
    },
  )
})
