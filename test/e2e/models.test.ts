import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient } from '#mesh/client/index.ts'
import { createRandom } from '../../core/model/random.ts'
import { customers } from '../support/customers.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, rows, trained } from './ask.ts'

let product: Product
let stranger: string

const train = `CREATE MODEL leaves FROM (SELECT * EXCEPT (id) FROM customers) PREDICT left`

beforeAll(async () => {
  product = await startProduct()
  await must(product, '/v1/events/customers?wait=true', { body: customers(2_000) })
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
  stranger = made.json.key.key
}, 60_000)
afterAll(() => product?.stop())

interface Predicted {
  readonly version: number
  readonly predictions: readonly { readonly prediction: string; readonly probability: number }[]
  readonly warnings?: readonly { readonly code: string; readonly feature: string; readonly rows: number }[]
}

const predict = (json: unknown, query = '', key = product.key) =>
  ask<Predicted & { errors: unknown }>(product, `/v1/models/leaves/predict${query}`, { json, key })

/** As a browser gets it. */
async function cardPage(name: string): Promise<string> {
  const answer = await must(product, `/v1/models/${name}/card`, { headers: { accept: 'text/html,*/*;q=0.8' } })
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'; style-src 'sha256-")
  return answer.text
}

describe('a model', () => {
  test('is trained from SQL: the statement answers at once with its job', { timeout: 60_000 }, async () => {
    const answer = await ask<{ data: readonly Record<string, unknown>[] }>(product, '/v1/sql', {
      json: { query: train },
    })
    expect(answer.status).toBe(202)
    const [started] = answer.json.data
    expect(started).toEqual({
      model: 'leaves',
      version: 1,
      job: expect.stringMatching(/^job_[\da-f]{32}$/),
      status: 'queued',
    })
    expect((await ask(product, '/v1/sql', { json: { query: train } })).json).toMatchObject({ code: 'resource.exists' })
    await trained(product, train.replace('CREATE MODEL', 'CREATE MODEL IF NOT EXISTS'))
    expect(await rows(product, 'SHOW MODELS')).toMatchObject([
      { name: 'leaves', live: 1, newest: 1, status: 'ready', target: 'left' },
    ])
    const metrics = await rows<{ metric: string; value: number; baseline: number }>(
      product,
      'DESCRIBE MODEL leaves.metrics',
    )
    const auc = metrics.find(({ metric }) => metric === 'auc')
    expect(auc?.value).toBeGreaterThan(0.7)
    expect(auc?.baseline).toBe(0.5)
    const features = await rows<{ column: string; importance: number }>(product, 'DESCRIBE MODEL leaves.features')
    expect(features.toSorted((a, b) => b.importance - a.importance)[0]?.column).toBe('tenure')
  })

  test('has a card: what it was trained from, how good it is, what it is not good for', async () => {
    const { json: card } = await must<Record<string, object>>(product, '/v1/models/leaves/card')
    expect(card).toMatchObject({
      sample: { total: 2_000, share: 1, sha256: expect.stringMatching(/^[\da-f]{64}$/) as string },
      lineage: { query: 'SELECT * EXCEPT (id) FROM customers', parent: null, code: expect.any(String) as string },
      limits: expect.arrayContaining([expect.stringContaining('It was judged on 400 rows')]) as string[],
    })
    const [described] = await rows<{ card: string }>(product, 'DESCRIBE MODEL leaves.card')
    expect(JSON.parse(described!.card)).toEqual(card)
    const page = await cardPage('leaves')
    for (const words of ['What matters to it', 'What its probabilities are worth', 'It was judged on 400 rows']) {
      expect(page).toContain(words)
    }
  })

  test('predicts at the edge, for one row and for many', async () => {
    const one = await predict({ tenure: 2, contract: 'monthly', charge: 20 })
    expect(one.status).toBe(200)
    expect(one.headers.get('edgewise-model')).toMatch(/^leaves@1; placement=edge; sha256=[\da-f]{64}$/)
    expect(one.json.predictions).toMatchObject([{ prediction: 'yes' }])
    expect(one.json).not.toHaveProperty('warnings')
    const many = await predict({
      rows: Array.from({ length: 1_000 }, (_, n) => ({ tenure: n % 60, contract: 'yearly', charge: 5 })),
    })
    expect(many.json.predictions).toHaveLength(1_000)
    expect(many.headers.get('edgewise-cost')).toBe('10')
  })

  test('says why, at the edge as in SQL', async () => {
    const row = { tenure: 2, contract: 'monthly', charge: 20 }
    const { json } = await ask<{ predictions: { explanation: { base: number; contributions: object } }[] }>(
      product,
      '/v1/models/leaves/predict?explain=true',
      { json: row },
    )
    const { explanation } = json.predictions[0]!
    expect(Object.keys(explanation.contributions).sort()).toEqual(['charge', 'contract', 'tenure'])
    expect(Object.keys(explanation.contributions)[0]).toBe('tenure')
    const [said] = await rows<{ left_explain: string }>(
      product,
      `SELECT left_explain FROM leaves WHERE tenure = 2 AND contract = 'monthly' AND charge = 20`,
    )
    expect(JSON.parse(said!.left_explain)).toEqual(explanation)
    const many = { rows: Array.from({ length: 101 }, () => row) }
    expect((await predict(many, '?explain=true')).status).toBe(413)
  })

  test('says what is odd about a row, and refuses what it cannot read by name', async () => {
    const odd = await predict({ rows: [{ tenure: 500, contract: 'weekly' }] })
    expect(odd.json.warnings).toEqual(
      expect.arrayContaining([
        { code: 'out_of_range', feature: 'tenure', rows: 1, pointer: '/rows/0/tenure' },
        { code: 'unknown_label', feature: 'contract', rows: 1, pointer: '/rows/0/contract' },
        { code: 'missing', feature: 'charge', rows: 1, pointer: '/rows/0/charge' },
      ]),
    )
    const wrong = await predict({ rows: [{ tenur: 1 }, { charge: 'much' }] })
    expect(wrong.status).toBe(400)
    expect(wrong.json.errors).toEqual([
      { pointer: '/rows/0/tenur', reason: 'is not a feature of the model; did you mean `tenure`?' },
      { pointer: '/rows/1/charge', reason: 'must be a number, or a text that is one' },
    ])
    for (const [body, status] of [
      ['[]', 400],
      ['{"rows":[]}', 400],
      [`{"rows":[${Array.from({ length: 1_001 }, () => '{}').join()}]}`, 400],
      ['nonsense', 400],
      ['{"rows":[{}],"other":1}', 400],
    ] as const) {
      const answer = await ask(product, '/v1/models/leaves/predict', { body, type: 'application/json' })
      expect([body.slice(0, 20), answer.status]).toEqual([body.slice(0, 20), status])
    }
  })

  test('says the same in SQL as at the edge, for one row and for those of a SELECT', async () => {
    const asked = await rows<Record<string, unknown>>(product, 'SELECT * FROM customers ORDER BY id LIMIT 500')
    const edge = await predict({ rows: asked.map(({ tenure, contract, charge }) => ({ tenure, contract, charge })) })
    const batch = await rows(
      product,
      'SELECT t.*, m.left AS predicted, m.probability FROM (SELECT * FROM customers ORDER BY id LIMIT 500) AS t JOIN leaves AS m',
    )
    expect(batch).toEqual(
      asked.map((row, at) => {
        const { prediction, probability } = edge.json.predictions[at]!
        return { ...row, predicted: prediction, probability }
      }),
    )
    const [row] = await rows(
      product,
      `SELECT left, probability FROM leaves WHERE tenure = 2 AND contract = 'monthly' AND charge = 20`,
    )
    const { prediction, probability } = (await predict({ tenure: 2, contract: 'monthly', charge: 20 })).json
      .predictions[0]!
    expect(row).toEqual({ left: prediction, probability })
    const csv = await ask(product, '/v1/sql', {
      json: {
        query:
          'SELECT t.id, m.left FROM (SELECT * FROM customers ORDER BY id LIMIT 2) AS t JOIN leaves AS m FORMAT CSV',
      },
    })
    expect(csv.text.split('\n')).toEqual([
      '"id","left"',
      `"${String(asked[0]!['id'])}","${edge.json.predictions[0]!.prediction}"`,
      `"${String(asked[1]!['id'])}","${edge.json.predictions[1]!.prediction}"`,
      '',
    ])
  })

  test('answers rows whose last column is an object, and ends when its reader leaves', async () => {
    const nested = `SELECT tenure, contract, charge, map('a', map('b', 1)) AS inner FROM customers LIMIT 2`
    const found = await rows<{ inner: unknown; left: string }>(
      product,
      `SELECT t.tenure, t.inner, m.left FROM (${nested}) AS t JOIN leaves AS m`,
    )
    expect(found.map(({ inner }) => inner)).toEqual([{ a: { b: 1 } }, { a: { b: 1 } }])
    expect(found[0]!.left).toMatch(/^(?:yes|no)$/)
    const many = `SELECT number % 60 AS tenure, 'monthly' AS contract, 1 AS charge, repeat('x', 1000) AS wide FROM numbers(2000000)`
    // More of them than queries of a workspace run at once: each gives its place back.
    for (let left = 6; left > 0; left--) {
      const stop = new AbortController()
      const response = await fetch(`${product.url}/v1/sql`, {
        method: 'POST',
        signal: stop.signal,
        headers: {
          authorization: `Bearer ${product.key}`,
          'content-type': 'text/plain',
          accept: 'application/x-ndjson',
        },
        body: `SELECT t.*, m.left FROM (${many}) AS t JOIN leaves AS m`,
      })
      const { value } = await response.body!.getReader().read()
      expect(Buffer.from(value ?? []).toString()).toMatch(/^{"tenure":0,"contract":"monthly","charge":1,"wide":"x/)
      stop.abort()
    }
    expect(await rows(product, 'SELECT count() AS n FROM customers')).toEqual([{ n: 2_000 }])
  })

  test('answers clients of the Open Inference Protocol', async () => {
    expect((await ask(product, '/v2/health/ready', { key: null })).json).toEqual({ ready: true })
    expect((await ask(product, '/v2/models/leaves', { key: null })).status).toBe(401)
    const metadata = await must(product, '/v2/models/leaves')
    expect(metadata.json).toEqual({
      name: 'leaves',
      versions: ['1'],
      platform: 'onnx_onnxv1',
      inputs: [
        { name: 'tenure', datatype: 'FP32', shape: [-1, 1] },
        { name: 'charge', datatype: 'FP32', shape: [-1, 1] },
        { name: 'contract', datatype: 'BYTES', shape: [-1, 1] },
      ],
      outputs: [
        { name: 'prediction', datatype: 'BYTES', shape: [-1, 1] },
        { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
      ],
    })
    expect((await ask(product, '/v2/models/leaves/versions/1/ready')).json).toEqual({ name: 'leaves', ready: true })
    expect((await ask(product, '/v2/models/leaves/versions/9/ready')).status).toBe(404)
    const inputs = [
      { name: 'tenure', datatype: 'INT64', shape: [2, 1], data: [2, 50] },
      { name: 'contract', datatype: 'BYTES', shape: [2, 1], data: [['monthly'], ['yearly']] },
      { name: 'charge', datatype: 'FP64', shape: [2], data: [20, 30] },
    ]
    const { predictions } = (
      await predict({
        rows: [2, 50].map((tenure, at) => ({ tenure, contract: ['monthly', 'yearly'][at], charge: [20, 30][at] })),
      })
    ).json
    const inferred = await ask(product, '/v2/models/leaves/infer', { json: { id: 'mine', inputs } })
    expect(inferred.json).toEqual({
      model_name: 'leaves',
      model_version: '1',
      id: 'mine',
      outputs: [
        { name: 'prediction', datatype: 'BYTES', shape: [2, 1], data: predictions.map(({ prediction }) => prediction) },
        { name: 'probabilities', datatype: 'FP32', shape: [2, 2], data: expect.any(Array) as unknown },
      ],
    })
    expect(inferred.headers.get('edgewise-model')).toMatch(/placement=edge/)
    const wrong = await ask(product, '/v2/models/leaves/infer', {
      json: {
        inputs: [{ name: 'tenur', datatype: 'FP32', shape: [1, 1], data: [1] }],
        outputs: [{ name: 'prediction' }],
      },
    })
    expect(wrong.json).toMatchObject({
      errors: [{ pointer: '/inputs/0/name', reason: 'is not an input of the model; did you mean `tenure`?' }],
    })
  })

  test('is explained: where it runs, and why', async () => {
    const lines = await rows<{ explain: string }>(product, 'EXPLAIN SELECT left FROM leaves WHERE tenure = 1')
    expect(lines.map(({ explain }) => explain).join('\n')).toMatch(/Model leaves, version 1[\s\S]*core[\s\S]*edge/)
  })

  test(
    'gets versions: a new one predicts within five seconds, and the one before can be set live',
    { timeout: 60_000 },
    async () => {
      await trained(
        product,
        `CREATE OR REPLACE MODEL leaves FROM (SELECT tenure, contract, charge, left FROM customers) PREDICT left USING engine = 'linear'`,
      )
      await sleep(5_000)
      const second = await predict({ tenure: 2 })
      expect(second.headers.get('edgewise-model')).toMatch(/^leaves@2; /)
      expect((await predict({ tenure: 2 }, '?version=1')).headers.get('edgewise-model')).toMatch(/^leaves@1; /)
      await rows(product, 'SET MODEL leaves LIVE 1')
      await sleep(5_000)
      expect((await predict({ tenure: 2 })).headers.get('edgewise-model')).toMatch(/^leaves@1; /)
      expect((await ask(product, '/v1/sql', { json: { query: 'DROP MODEL leaves.1' } })).json).toMatchObject({
        code: 'resource.in_use',
      })
      await rows(product, 'DROP MODEL leaves.2')
      expect((await ask(product, '/v1/models/leaves/versions/2')).status).toBe(404)
    },
  )

  test(
    'that cannot be run is answered for by the version before, where the owner said so',
    { timeout: 60_000 },
    async () => {
      await predict({ tenure: 2 })
      await trained(
        product,
        `CREATE OR REPLACE MODEL leaves FROM (SELECT tenure, contract, charge, left FROM customers) PREDICT left USING engine = 'linear', placement = 'core', fallback = 'previous'`,
      )
      const { json } = await must<{ version: number; sha256: string }>(product, '/v1/models/leaves/versions/3')
      rmSync(join(product.data, 'objects', 'models', json.sha256))
      await sleep(5_000)
      const instead = await predict({ tenure: 2, contract: 'monthly' })
      expect([instead.status, instead.json.version]).toEqual([200, 1])
      expect(instead.headers.get('edgewise-model')).toMatch(/^leaves@1; placement=edge; .*; fallback=previous$/)
      await rows(product, 'SET MODEL leaves LIVE 1')
      await sleep(5_000)
      expect((await predict({ tenure: 2 })).headers.get('edgewise-fallback')).toBe(null)
    },
  )

  test('is reached by the client, and followed while it is trained', { timeout: 60_000 }, async () => {
    const client = createClient({ url: product.url, key: product.key })
    const predictions = await client.predict('leaves', [{ tenure: 2, contract: 'monthly' }, { tenure: 50 }])
    expect(predictions.predictions).toHaveLength(2)
    expect(predictions.provenance.model).toMatch(/placement=edge/)
    const { data } = await client.query<{ job: string }>('RETRAIN leaves')
    expect((await client.jobs.get(data[0]!.job)).model).toBe('leaves')
    expect((await client.jobs.cancel(data[0]!.job)).status).toMatch(/cancelled|done/)
  })

  test('goes on predicting at the edge while the core is gone', { timeout: 60_000 }, async () => {
    await predict({ tenure: 2 })
    const killed = product.killCore()
    const during = await predict({ tenure: 2 })
    expect([during.status, during.headers.get('edgewise-model')?.slice(0, 25)]).toEqual([
      200,
      'leaves@1; placement=edge;',
    ])
    await killed
  })
})

describe('series', () => {
  const hourMs = 3_600_000
  const begin = Date.UTC(2026, 0, 5)
  const noise = createRandom(5)
  /** Four weeks of hours in two shops, with a day's rhythm; once one of them stood still. */
  const visits = ['north', 'south'].flatMap((shop, at) =>
    Array.from({ length: 24 * 28 }, (_, n) => {
      const rhythm = 100 + 50 * at + 40 * Math.sin((2 * Math.PI * (n % 24)) / 24)
      const value = at === 0 && n >= 400 && n < 406 ? 0 : rhythm + 5 * noise()
      return JSON.stringify({ shop, hour: new Date(begin + n * hourMs).toISOString(), value })
    }),
  )

  test('are forecast, each by its own method, with intervals', { timeout: 60_000 }, async () => {
    await must(product, '/v1/events/visits?wait=true', { body: visits.join('\n') })
    await trained(
      product,
      'CREATE MODEL next_day FROM (SELECT shop, hour, value FROM visits) PREDICT value ORDER BY hour GROUP BY shop HORIZON 24',
    )
    interface Step {
      readonly shop: string
      readonly hour: string
      readonly value: number
      readonly low_80: number
      readonly high_80: number
    }
    const steps = await rows<Step>(product, `SELECT * FROM next_day WHERE shop = 'south'`)
    expect(steps).toHaveLength(24)
    expect(Date.parse(steps[0]!.hour)).toBe(begin + 24 * 28 * hourMs)
    for (const [n, step] of steps.entries()) {
      expect(step.shop).toBe('south')
      expect(Math.abs(step.value - (152.5 + 40 * Math.sin((2 * Math.PI * (n % 24)) / 24)))).toBeLessThan(8)
      expect(step.low_80).toBeLessThan(step.value)
      expect(step.high_80).toBeGreaterThan(step.value)
    }
    expect(await rows(product, 'SELECT shop, value FROM next_day')).toHaveLength(48)
    const measured = await rows<{ mase: number; baseline_mase: number }>(product, 'DESCRIBE MODEL next_day.metrics')
    for (const { mase, baseline_mase } of measured) expect(mase).toBeLessThanOrEqual(baseline_mase)
    expect(await cardPage('next_day')).toMatch(/class="of80"[\s\S]*It goes on with what has been/)
    interface Forecast {
      readonly predictions: readonly {
        readonly forecast: readonly { time: string; prediction: number; lower: number; upper: number }[]
      }[]
    }
    const asked = { rows: [{ shop: 'south' }, { shop: 'north' }], horizon: 3 }
    const answer = await must<Forecast>(product, '/v1/models/next_day/predict', { json: asked })
    expect(answer.headers.get('edgewise-model')).toMatch(/^next_day@1; placement=core; /)
    expect(answer.json.predictions.map(({ forecast }) => forecast.length)).toEqual([3, 3])
    expect(answer.json.predictions[0]!.forecast).toEqual(
      steps.slice(0, 3).map(({ hour, value, low_80, high_80 }) => ({
        time: hour,
        prediction: value,
        lower: low_80,
        upper: high_80,
      })),
    )
    for (const [json, pointer] of [
      [{ shop: 'west' }, '/rows/0'],
      [{ rows: [{ shop: 'south' }], horizon: 25 }, 'horizon'],
      [{ rows: [{ shop: 'south' }], horizon: '3' }, '/horizon'],
    ] as const) {
      const refused = await ask(product, '/v1/models/next_day/predict', { json })
      expect(refused.json).toMatchObject({ code: 'request.invalid', errors: [{ pointer }] })
    }
    const protocol = await ask(product, '/v2/models/next_day')
    expect(protocol.json).toMatchObject({
      code: 'request.invalid',
      hint: 'Read it in SQL: SELECT * FROM next_day, or ask POST /v1/models/next_day/predict for series.',
    })
    const wrong = await ask(product, '/v1/sql', { json: { query: `SELECT * FROM next_day WHERE shp = 'south'` } })
    expect(wrong.json).toMatchObject({ code: 'query.unknown_column', hint: 'Did you mean `shop`?' })
  })

  test('are watched: what was out of the ordinary is found', { timeout: 60_000 }, async () => {
    await trained(
      product,
      `CREATE MODEL odd_hours FROM (SELECT shop, hour, value FROM visits) PREDICT value ORDER BY hour GROUP BY shop USING engine = 'anomaly'`,
    )
    const alarms = await rows<{ shop: string; begin: string; end: string }>(product, 'SELECT * FROM odd_hours')
    expect(alarms).toMatchObject([{ shop: 'north', begin: new Date(begin + 400 * hourMs).toISOString() }])
    expect(await cardPage('odd_hours')).toMatch(/class="alarm"[\s\S]*What has been wrong from the beginning/)
  })

  test('that are none fail with the reason', { timeout: 30_000 }, async () => {
    const create =
      'CREATE MODEL no_series FROM (SELECT shop, hour, value FROM visits) PREDICT value ORDER BY hour HORIZON 24'
    await expect(trained(product, create)).rejects.toThrow(/request\.invalid/)
    const none = await ask(product, '/v1/sql', {
      json: { query: create.replace('ORDER BY hour', '').replace('no_series', 'x') },
    })
    expect(none.json).toMatchObject({ code: 'query.syntax' })
  })
})

describe('another workspace', () => {
  test('can neither see, predict with, retrain nor guess the name of a model', async () => {
    const statements = [
      'DESCRIBE MODEL leaves',
      'RETRAIN leaves',
      'DROP MODEL leaves',
      'SET MODEL leaves LIVE 1',
      'SELECT left FROM leaves WHERE tenure = 1',
      'SELECT t.*, m.left FROM (SELECT 1 AS tenure) AS t JOIN leaves AS m',
    ]
    const nameless = (text: string): string => text.replaceAll(/leaves|nosuch/g, 'X').replaceAll(/req_\w+/g, '')
    for (const query of statements) {
      const asked = async (sql: string) => ask(product, '/v1/sql', { json: { query: sql }, key: stranger })
      const [theirs, none] = [await asked(query), await asked(query.replaceAll('leaves', 'nosuch'))]
      expect(theirs.status).toBeGreaterThanOrEqual(400)
      expect([theirs.status, nameless(theirs.text)]).toEqual([none.status, nameless(none.text)])
    }
    expect(await rows(product, 'SHOW MODELS', stranger)).toEqual([])
    for (const path of ['/v1/models/leaves', '/v1/models/leaves/versions', '/v1/models/leaves/versions/1']) {
      expect((await ask(product, path, { key: stranger })).status).toBe(404)
    }
    expect((await predict({ tenure: 1 }, '', stranger)).status).toBe(404)
    // Its own may have the same name.
    await must(product, '/v1/events/customers?wait=true', { body: customers(200), key: stranger })
    await trained(product, train, stranger)
    expect((await predict({ tenure: 1, contract: 'monthly', charge: 1 }, '', stranger)).status).toBe(200)
  })

  test('of a key: what it may predict with is named by its scopes', async () => {
    const { key } = await newKey(product, { scopes: ['models:predict:other'] })
    expect((await predict({ tenure: 1 }, '', key)).json).toMatchObject({ code: 'auth.scope' })
    const { key: named } = await newKey(product, { scopes: ['models:predict:leaves'] })
    expect((await predict({ tenure: 1 }, '', named)).status).toBe(200)
  })
})

describe('what cannot be trained', () => {
  test.each([
    ["RETRAIN leaves USING engine = 'linear', k = 3", 'query.syntax', '`k` says nothing to linear.'],
    ["RETRAIN leaves USING engine = 'linear', depth = 3", 'query.syntax', '`depth` says nothing to linear.'],
    ["RETRAIN leaves USING engine = 'kmeans'", 'query.syntax', 'PREDICT says nothing to kmeans.'],
    ["RETRAIN leaves USING engine = 'forecast'", 'query.syntax', 'ORDER BY is missing: forecast needs it.'],
    [
      "RETRAIN leaves USING keep = ['idd']",
      'query.unknown_column',
      'The training query has no column `idd`, which keep names.',
    ],
  ])('is not trained anew either: %s', async (query, code, detail) => {
    expect((await ask(product, '/v1/sql', { json: { query } })).json).toMatchObject({ code, detail })
  })
})
