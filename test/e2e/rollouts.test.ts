import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, rows, trained } from './ask.ts'

let product: Product
beforeAll(async () => {
  product = await startProduct()
  const random = createRandom(9)
  const lines = Array.from({ length: 1_500 }, () => {
    const [x, z] = [random() * 10, random()]
    return JSON.stringify({ x, z, y: 3 * x + random() })
  })
  await must(product, '/v1/events/points?wait=true', { body: lines.join('\n') })
  await trained(product, `CREATE MODEL line FROM (SELECT x, z, y FROM points) PREDICT y USING engine = 'linear'`)
  // As bad as it can be, and better than nothing: it saw hardly anything of what matters.
  await trained(product, `RETRAIN line FROM (SELECT intDiv(toInt32(x), 8) AS x, z, y FROM points)`)
  await rows(product, 'SET MODEL line LIVE 1')
}, 120_000)
afterAll(() => product?.stop())

interface Rollout {
  readonly version: number
  readonly base: number
  readonly status: string
  readonly percent: number
  readonly reason: string
}

const rolloutsOf = () => rows<Rollout>(product, 'DESCRIBE MODEL line.rollouts')

async function until(status: string): Promise<Rollout> {
  for (;;) {
    const [newest] = await rolloutsOf()
    if (newest?.status === status) return newest
    if (newest?.status !== 'running' && newest?.status !== 'paused') throw new Error(JSON.stringify(newest))
    await sleep(100)
  }
}

/** What a subject is answered, by which version, and in which arm. */
async function asked(subject: string, x = 5) {
  const answer = await must<{ version: number; predictions: { prediction: number }[] }>(
    product,
    `/v1/models/line/predict?subject=${subject}`,
    { json: { x, z: 0.5 } },
  )
  const arm = /arm=(\w+)/.exec(answer.headers.get('edgewise-model') ?? '')?.[1]
  return { version: answer.json.version, said: answer.json.predictions[0]!.prediction, arm }
}

test(
  'a version that is worse is rolled back by its gate, without a hand, and nobody changed arms twice',
  { timeout: 120_000 },
  async () => {
    const subjects = Array.from({ length: 60 }, (_, n) => `s${n}`)
    // What came of the predictions, as their users tell it.
    await must(product, '/v1/events/outcomes?wait=true', { body: '{"error":0.1}' })
    const gate = 'SELECT avg(error) < 2 FROM outcomes'
    const [begun] = await rows<Rollout>(
      product,
      `CREATE ROLLOUT FOR MODEL line VERSION 2 STEPS (20, 60, 100) EVERY 6 SECONDS GATE (${gate})`,
    )
    expect(begun).toMatchObject({ version: 2, base: 1, status: 'running', percent: 20 })
    for (const statement of [
      'SET MODEL line LIVE 2',
      'DROP MODEL line.2',
      'CREATE ROLLOUT FOR MODEL line VERSION 2 STEPS (100) EVERY 1 MINUTES',
    ]) {
      expect((await ask(product, '/v1/sql', { json: { query: statement } })).json).toMatchObject({
        code: 'resource.in_use',
      })
    }
    const seen = new Map<string, string[]>()
    const over = new AbortController()
    const using = (async () => {
      while (!over.signal.aborted) {
        const told: string[] = []
        for (const [at, subject] of subjects.entries()) {
          const x = at % 10
          const { arm = 'none', said, version } = await asked(subject, x)
          if (arm !== 'none') expect(version).toBe(arm === 'candidate' ? 2 : 1)
          const own = seen.get(subject) ?? []
          if (own.at(-1) !== arm) seen.set(subject, [...own, arm])
          if (arm === 'candidate') told.push(JSON.stringify({ error: Math.abs(said - 3 * x) }))
        }
        if (told.length > 0) await must(product, '/v1/events/outcomes?wait=true', { body: told.join('\n') })
      }
    })()
    const ended = await until('rolled back')
    expect(ended).toMatchObject({ version: 2, percent: 0, reason: 'the gate said no' })
    await sleep(5_000)
    over.abort()
    await using
    for (const arms of seen.values()) {
      const during = arms.filter((arm) => arm !== 'none')
      expect(during.length).toBeLessThanOrEqual(1)
    }
    expect([...seen.values()].some((arms) => arms.includes('candidate'))).toBe(true)
    expect(await asked('s1')).toMatchObject({ version: 1, arm: undefined })
    const { text } = await must(product, '/v1/audit?limit=1000')
    expect(text).toContain('create_rollout')
    expect(text).toContain('roll_back')
  },
)

test(
  'a version that holds gets all the traffic, step by step; it can be held and ended by hand',
  { timeout: 120_000 },
  async () => {
    await rows(product, 'CREATE ROLLOUT FOR MODEL line VERSION 2 STEPS (50, 100) EVERY 1 SECONDS GATE (SELECT 1)')
    await until('done')
    await sleep(5_000)
    expect(await asked('anybody')).toMatchObject({ version: 2, arm: undefined })

    await rows(product, 'CREATE ROLLOUT FOR MODEL line VERSION 1 STEPS (50, 100) EVERY 1 SECONDS')
    await rows(product, 'PAUSE ROLLOUT FOR MODEL line')
    await sleep(2_500)
    expect((await rolloutsOf())[0]).toMatchObject({ status: 'paused', percent: 50 })
    await rows(product, 'ABORT ROLLOUT FOR MODEL line')
    expect((await rolloutsOf())[0]).toMatchObject({ status: 'aborted', percent: 0 })
    expect((await ask(product, '/v1/sql', { json: { query: 'RESUME ROLLOUT FOR MODEL line' } })).status).toBe(404)
    await sleep(5_000)
    expect(await asked('anybody')).toMatchObject({ version: 2, arm: undefined })
  },
)

test('a gate that cannot be asked lets nothing pass', { timeout: 60_000 }, async () => {
  const { key, id } = await newKey(product, { scopes: ['sql:read', 'models:read', 'models:write', 'models:predict'] })
  expect(id).not.toBe('')
  const wrong = await ask(product, '/v1/sql', {
    json: {
      query: 'CREATE ROLLOUT FOR MODEL line VERSION 1 STEPS (100) EVERY 1 SECONDS GATE (SELECT nothing FROM points)',
    },
    key,
  })
  expect(wrong.json).toMatchObject({ code: 'query.unknown_column' })
  const late = "SELECT throwIf(1, 'not now')"
  await rows(product, `CREATE ROLLOUT FOR MODEL line VERSION 1 STEPS (10, 100) EVERY 1 SECONDS GATE (${late})`, key)
  const ended = await until('rolled back')
  expect(ended.reason).toMatch(/^the gate could not be asked/)
})
