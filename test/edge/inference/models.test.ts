import { beforeAll, describe, expect, it } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { type Ort, openOrt } from '#mesh/inference/ort.ts'
import { createModels, type ModelsOptions } from '../../../edge/inference/models.ts'
import { mixedFile, treesFile } from '../../support/model-file.ts'

const passenger = { background: { waitUntil: () => undefined } }
let ort: Ort
const files = new Map<string, Uint8Array<ArrayBuffer>>()
let hashes: string[]

beforeAll(async () => {
  ort = await openOrt()
  hashes = await Promise.all(
    Array.from({ length: 5 }, (_, variant) => known(treesFile({ trees: 5, depth: 3, variant }))),
  )
})

async function known(file: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', file))
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  files.set(hash, file)
  return hash
}

function createWorld(options: Partial<ModelsOptions> = {}) {
  const world = { now: 1_000, loads: [] as string[], failure: undefined as Error | undefined }
  const models = createModels({
    async load(hash) {
      world.loads.push(hash)
      await new Promise((resolve) => setTimeout(resolve, 5))
      if (world.failure !== undefined) throw world.failure
      return files.get(hash) ?? new Uint8Array(0)
    },
    openOrt: () => Promise.resolve(ort),
    now: () => world.now,
    ...options,
  })
  const ask = (hash: string) => models.use(hash, passenger, (model) => model.predict([{ f0: 0.5 }]).answers[0])
  const predict = async (hash: string) => ask(hash)
  return { world, models, ask, predict }
}

describe('the models of an isolate', () => {
  it('are loaded once, however many ask at once, and are then at hand without waiting', async () => {
    const { world, ask, predict } = createWorld()
    const answers = await Promise.all(Array.from({ length: 20 }, () => predict(hashes[0]!)))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(world.loads).toEqual([hashes[0]])
    expect(ask(hashes[0]!)).not.toBeInstanceOf(Promise)
  })

  it('are three: the one that was not asked for longest leaves', async () => {
    const { world, models, predict } = createWorld()
    for (const at of [0, 1, 2, 0, 3]) await predict(hashes[at]!)
    expect(models.size).toBe(3)
    world.loads.length = 0
    for (const at of [0, 2, 3]) await predict(hashes[at]!)
    expect(world.loads).toEqual([])
    await predict(hashes[1]!)
    expect(world.loads).toEqual([hashes[1]])
  })

  it('may be asked for all at once, more than there is room for', async () => {
    const { models, predict } = createWorld({ maxModels: 2 })
    const answers = await Promise.all([...hashes, ...hashes].map((hash) => predict(hash)))
    expect(answers.every((answer) => answer?.probability !== undefined)).toBe(true)
    expect(models.size).toBeLessThanOrEqual(2)
  })

  it('have so many bytes together, and none is larger', async () => {
    const one = files.get(hashes[0]!)!.byteLength
    const { models, predict } = createWorld({ maxBytes: 2 * one + 10 })
    for (const hash of hashes) await predict(hash)
    expect(models.size).toBe(2)
    await expect(createWorld({ maxBytes: one - 1 }).predict(hashes[0]!)).rejects.toMatchObject({
      problem: 'internal.error',
    })
  })

  it('are what their hash says, or nothing', async () => {
    const { world, predict } = createWorld()
    await expect(predict('0'.repeat(64))).rejects.toMatchObject({ problem: 'internal.error' })
    expect(world.loads).toHaveLength(1)
  })

  it('are not asked for again at once where they could not be had, but soon', async () => {
    const { world, predict } = createWorld({ failedMs: 5_000 })
    world.failure = new Failure('core.unavailable', 'Not now.')
    await expect(predict(hashes[0]!)).rejects.toMatchObject({ problem: 'core.unavailable' })
    world.failure = undefined
    await expect(predict(hashes[0]!)).rejects.toMatchObject({ problem: 'core.unavailable' })
    expect(world.loads).toHaveLength(1)
    world.now += 5_000
    expect(await predict(hashes[0]!)).toMatchObject({ prediction: expect.any(String) })
  })

  it('come again in another instance where ONNX Runtime broke down', async () => {
    let opened = 0
    const { models } = createWorld({ openOrt: () => (opened++, Promise.resolve(ort)) })
    const hash = await known(mixedFile())
    const load = async () => models.use(hash, passenger, (model) => model.predict([{ plan: 'pro' }]))
    await load()
    const trap = () =>
      models.use(hash, passenger, () => {
        throw new WebAssembly.RuntimeError('unreachable')
      })
    expect(trap).toThrow('unreachable')
    expect(models.size).toBe(0)
    await load()
    expect(opened).toBe(2)
  })
})
