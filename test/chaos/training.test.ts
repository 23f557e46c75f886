import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { ask, must, rows } from '../e2e/ask.ts'
import { type Product, startProduct } from '../support/product.ts'

let product: Product
beforeAll(async () => {
  product = await startProduct()
  const random = createRandom(3)
  const lines = Array.from({ length: 20_000 }, () => {
    const [a, b, c] = [random(), random(), random()]
    return JSON.stringify({
      a,
      b,
      c,
      d: random(),
      kind: ['x', 'y', 'z'][Math.floor(random() * 3)],
      y: a * b + c + random(),
    })
  })
  await must(product, '/v1/events/points?wait=true', { body: lines.join('\n') })
}, 60_000)
afterAll(() => product?.stop())

interface Job {
  readonly status: string
  readonly percent: number
}

const jobOf = async (id: string): Promise<Job> => (await must<Job>(product, `/v1/jobs/${id}`)).json

async function until(id: string, isSo: (job: Job) => boolean): Promise<Job> {
  for (;;) {
    const job = await jobOf(id)
    if (isSo(job)) return job
    await sleep(100)
  }
}

const isOver = ({ status }: Job): boolean => status !== 'queued' && status !== 'running'

test(
  'a training that is killed begins again by itself; the live version goes on, and no half file is left',
  { timeout: 180_000 },
  async () => {
    const create = `CREATE MODEL sums FROM (SELECT * FROM points) PREDICT y USING engine = 'gbdt'`
    const [first] = await rows<{ job: string }>(product, `${create}, rounds = 20`)
    expect((await until(first!.job, isOver)).status).toBe('done')
    const predict = () =>
      ask(product, '/v1/models/sums/predict', { json: { a: 0.5, b: 0.5, c: 0.5, d: 0.5, kind: 'x' } })
    const before = (await must<{ predictions: unknown }>(product, '/v1/models/sums/predict', { json: { a: 0.5 } })).json

    const [second] = await rows<{ job: string }>(product, `RETRAIN sums USING rounds = 400`)
    for (const moment of [(job: Job) => job.status === 'running', (job: Job) => job.percent > 20]) {
      await until(second!.job, (job) => moment(job) || isOver(job))
      expect(isOver(await jobOf(second!.job))).toBe(false)
      await product.killCore()
      expect((await predict()).status).toBe(200)
    }
    expect(
      (await must<{ predictions: unknown }>(product, '/v1/models/sums/predict', { json: { a: 0.5 } })).json,
    ).toEqual(before)
    expect((await until(second!.job, isOver)).status).toBe('done')
    expect(await rows(product, 'SHOW MODELS')).toMatchObject([{ live: 2, newest: 2, status: 'ready' }])
    // One file for each version, and nothing that was begun.
    const objects = join(product.data, 'objects')
    expect(readdirSync(join(objects, 'models'))).toHaveLength(2)
    expect(existsSync(join(objects, 'parts')) ? readdirSync(join(objects, 'parts')) : []).toEqual([])
  },
)
