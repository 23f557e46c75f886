import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectWeb } from '#mesh/rpc/web.ts'
import { workspaceScopes } from '#mesh/scopes.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { createRandom } from '../../core/model/random.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, rows, trained } from './ask.ts'

let product: Product
let stranger: string
/** Everything but seeing personal data. */
let editor: string

interface Customer {
  readonly id: string
  readonly tenure: number
  readonly contract: string
  readonly joined: string
  readonly left: string
}

/** Customers leave early, and rather by the month; the rest is noise. */
function customers(count: number, seed: number): readonly Customer[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, (_, n) => {
    const tenure = Math.floor(random() * 60)
    const contract = ['monthly', 'yearly', ''][Math.floor(random() * 3)]!
    const joined = new Date(Date.UTC(2020, 0, 1 + Math.floor(random() * 2_000))).toISOString()
    const chance = 0.1 + (tenure < 12 ? 0.5 : 0) + (contract === 'monthly' ? 0.3 : 0)
    return { id: `c${n}`, tenure, contract, joined, left: random() < chance ? 'yes' : 'no' }
  })
}

const lines = (events: readonly object[]): string => events.map((event) => JSON.stringify(event)).join('\n')

beforeAll(async () => {
  product = await startProduct()
  await must(product, '/v1/events/customers?wait=true', { body: lines(customers(2_000, 7)) })
  await trained(
    product,
    `CREATE MODEL leaves FROM (SELECT * EXCEPT (id) FROM customers) PREDICT left USING engine = 'gbdt', rounds = 20`,
  )
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
  stranger = made.json.key.key
  editor = (await newKey(product, { scopes: workspaceScopes.filter((scope) => scope !== 'pii:read') })).key
}, 120_000)
afterAll(() => product?.stop())

interface Predicted {
  readonly version: number
  readonly predictions: readonly { readonly prediction: string; readonly probability: number }[]
}

const predict = (json: unknown, search = '') => must<Predicted>(product, `/v1/models/leaves/predict${search}`, { json })

const recorded = async (where = '1') =>
  (await rows<{ n: number }>(product, `SELECT count() AS n FROM _predictions WHERE ${where}`))[0]!.n

/** Edges know of a change within 5 seconds, and what they served is there a second later. */
const soon = { timeout: 15_000, interval: 200 }

/** Predicts until it is recorded. */
const untilRecorded = (where: string) =>
  expect
    .poll(async () => {
      await predict({ tenure: 1, contract: 'yearly' }, '?subject=probe')
      return recorded(`subject = 'probe' AND ${where}`)
    }, soon)
    .toBeGreaterThan(0)

const property = async (name: string, aspect: string) =>
  new Map(
    (await rows<{ property: string; value: string }>(product, `DESCRIBE MODEL ${name}.${aspect}`)).map((row) => [
      row.property,
      row.value,
    ]),
  )

test('nothing is recorded of a prediction unless somebody says so', { timeout: 30_000 }, async () => {
  await predict({ tenure: 2 })
  expect((await property('leaves', 'info')).get('log')).toBe('0')
  const [said] = await rows(product, 'SET MODEL leaves LOG 1')
  expect(said).toEqual({ model: 'leaves', log: 1 })
  expect((await property('leaves', 'info')).get('log')).toBe('1')
  await untilRecorded('1')
  expect(await recorded("subject != 'probe'")).toBe(0)
  expect((await must(product, '/v1/audit?limit=1000')).text).toContain('set_log')
})

describe('what is recorded', () => {
  test('is what was asked and answered, for whom, and by what', { timeout: 30_000 }, async () => {
    const asked = {
      rows: [
        { tenure: ' 12.5 ', contract: 'monthly', joined: '2024-02-29T12:00:00+02:00' },
        { tenure: true, contract: null, joined: 1_700_000_000 },
      ],
    }
    const answer = await predict(asked, '?subject=s%201')
    await expect.poll(() => recorded("subject = 's 1'"), soon).toBe(2)
    const found = await rows(product, "SELECT * EXCEPT (time) FROM _predictions WHERE subject = 's 1' ORDER BY row")
    const of = (row: number) => ({
      request_id: answer.headers.get('x-request-id'),
      row,
      subject: 's 1',
      model: 'leaves',
      version: 1,
      arm: '',
      placement: 'edge',
      prediction: answer.json.predictions[row]!.prediction,
      shadow_version: 0,
    })
    expect(found).toMatchObject([
      { ...of(0), features: { tenure: ' 12.5 ', contract: 'monthly', joined: '2024-02-29T12:00:00+02:00' } },
      { ...of(1), features: { tenure: 'true', joined: '1700000000' } },
    ])
    for (const [at, { probability }] of found.entries()) {
      expect(probability).toBeCloseTo(answer.json.predictions[at]!.probability, 6)
    }
    const id = answer.headers.get('x-request-id')
    await expect
      .poll(() => rows(product, `SELECT resource, version FROM _requests WHERE request_id = '${id}'`), soon)
      .toEqual([{ resource: 'leaves', version: 1 }])
  })

  test('is read with its features as columns of their types', async () => {
    const found = await rows(
      product,
      "SELECT tenure, contract, joined, toTypeName(tenure) AS t, toTypeName(contract) AS c, toTypeName(joined) AS j, _row FROM served(leaves) WHERE _subject = 's 1' ORDER BY _row",
    )
    const types = { t: 'Nullable(Float64)', c: 'Nullable(String)', j: "Nullable(DateTime64(3, 'UTC'))" }
    expect(found).toEqual([
      { tenure: 12.5, contract: 'monthly', joined: '2024-02-29T10:00:00.000Z', ...types, _row: 0 },
      { tenure: 1, contract: null, joined: '2023-11-14T22:13:20.000Z', ...types, _row: 1 },
    ])
  })

  test('is that of the core too, once', { timeout: 30_000 }, async () => {
    const core = connectWeb(ModelService, {
      url: product.core.http,
      headers: { authorization: `Bearer ${product.key}` },
    })
    await core.predict({ name: 'leaves', rows: ['{"tenure":3}'], subject: 'by rpc' })
    await trained(
      product,
      `CREATE MODEL kept FROM (SELECT tenure, contract, left FROM customers) PREDICT left USING engine = 'linear', placement = 'core'`,
    )
    await rows(product, 'SET MODEL kept LOG 1')
    const answer = await must(product, '/v1/models/kept/predict?subject=kept', { json: { tenure: 3 } })
    expect(answer.headers.get('edgewise-model')).toContain('placement=core')
    await expect.poll(() => recorded("subject = 'by rpc' AND placement = 'core' AND version = 1"), soon).toBe(1)
    await expect.poll(() => recorded("subject = 'kept' AND placement = 'core'"), soon).toBe(1)
    const inputs = [{ name: 'tenure', datatype: 'FP32', shape: [1, 1], data: [3] }]
    await must(product, '/v2/models/kept/infer', { json: { inputs } })
    await expect.poll(() => recorded("model = 'kept' AND startsWith(subject, 'key_')"), soon).toBe(1)
    // SQL has its rows already.
    await rows(product, 'SELECT left FROM kept WHERE tenure = 3')
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await recorded("model = 'kept'")).toBe(2)
  })

  test('is personal: masked, filtered, and nobody else’s', async () => {
    const [masked] = await rows(product, 'SELECT count() AS n, max(subject) AS s FROM _predictions', editor)
    expect(masked).toMatchObject({ s: '' })
    expect(Number(masked!['n'])).toBeGreaterThan(0)
    expect(await rows(product, 'SELECT max(tenure) AS t, max(_subject) AS s FROM served(leaves)', editor)).toEqual([
      { t: null, s: '' },
    ])
    const filtered = await newKey(product, {
      scopes: ['sql:read', 'models:read'],
      filters: { customers: { contract: 'yearly' } },
    })
    for (const [key, query, code] of [
      [filtered.key, 'SELECT count() FROM served(leaves)', 'query.unknown_table'],
      [filtered.key, 'SELECT count() FROM _predictions', 'query.unknown_table'],
      [stranger, 'SELECT count() FROM served(leaves)', 'model.not_found'],
      [stranger, 'SET MODEL leaves LOG 1', 'model.not_found'],
      [product.key, 'SELECT count() FROM served(leave)', 'model.not_found'],
      [product.key, 'SET MODEL leaves LOG 2', 'query.syntax'],
      [product.key, 'DESCRIBE MODEL leaves.shadow', 'resource.not_found'],
      [filtered.key, 'SELECT count() FROM served(nothing)', 'query.unknown_table'],
    ] as const) {
      expect([query, (await ask(product, '/v1/sql', { key, json: { query } })).json['code']]).toEqual([query, code])
    }
    expect(await rows(product, 'SELECT count() AS n FROM _predictions', stranger)).toEqual([{ n: 0 }])
  })

  test('is trained from, with what came of it', { timeout: 60_000 }, async () => {
    const some = customers(300, 11)
    for (const { id, left: _, ...row } of some) await predict(row, `?subject=${id}`)
    await must(product, '/v1/events/outcomes?wait=true', { body: lines(some.map(({ id, left }) => ({ id, left }))) })
    await expect.poll(() => recorded("startsWith(subject, 'c')"), soon).toBe(300)
    await trained(
      product,
      `CREATE MODEL again FROM (SELECT s.*, o.left FROM served(leaves) AS s JOIN outcomes AS o ON o.id = s._subject) PREDICT left`,
    )
    const features = await rows<{ column: string; used: boolean }>(product, 'DESCRIBE MODEL again.features')
    const used = features.filter((one) => one.used).map(({ column }) => column)
    expect(used).toContain('tenure')
    expect(used.filter((column) => column.startsWith('_'))).toEqual([])
    const [auc] = await rows<{ value: number; rows: number }>(
      product,
      "EVALUATE auc FROM (SELECT o.left, if(s._prediction = 'yes', s._probability, 1 - s._probability) FROM served(leaves) AS s JOIN outcomes AS o ON o.id = s._subject)",
    )
    expect(Number(auc?.rows)).toBe(300)
    expect(auc?.value).toBeGreaterThan(0.7)
    await must(product, '/v1/queries/by_contract', {
      method: 'PUT',
      json: { sql: 'SELECT contract, count() AS n FROM served(leaves) GROUP BY contract' },
    })
    expect((await must<{ data: unknown[] }>(product, '/v1/endpoints/by_contract')).json.data).toHaveLength(3)
  })
})

describe('a version in the shadow of the live one', () => {
  test('is scored on what that answers, and answers nobody', { timeout: 90_000 }, async () => {
    await trained(product, 'RETRAIN leaves FROM (SELECT * EXCEPT (id) FROM customers WHERE tenure < 30)')
    await rows(product, 'SET MODEL leaves LIVE 1')
    await rows(product, 'SET MODEL leaves LOG 0')
    const [begun] = await rows(product, 'CREATE ROLLOUT FOR MODEL leaves VERSION 2 SHADOW')
    expect(begun).toMatchObject({ version: 2, base: 1, status: 'running', percent: 0, shadow: 1 })
    await untilRecorded('shadow_version = 2')
    const some = customers(200, 13).map(({ tenure, contract, joined }) => ({ tenure, contract, joined }))
    const answer = await predict({ rows: some }, '?subject=shadowed')
    expect(answer.json.version).toBe(1)
    expect(answer.headers.get('edgewise-model')).not.toContain('arm=')
    await expect.poll(() => recorded("subject = 'shadowed'"), soon).toBe(200)
    const report = await property('leaves', 'shadow')
    expect(Object.fromEntries(report)).toMatchObject({ version: '2', base: '1', status: 'running', rows_failed: '0' })
    expect(Number(report.get('rows_compared'))).toBeGreaterThan(200)
    for (const name of ['same_label', 'correlation', 'p99_probability_difference']) {
      expect([name, Number(report.get(name)) > 0 && Number(report.get(name)) <= 1]).toEqual([name, true])
    }
    for (const name of [
      'live_p50_us',
      'live_p99_us',
      'shadow_p50_us',
      'shadow_p99_us',
      'mean_probability_difference',
    ]) {
      expect([name, Number.isFinite(Number(report.get(name)))]).toEqual([name, true])
    }
    expect(report.get('furthest_1')).toMatch(
      /^request \S+ row \d+: (yes|no) \(0\.\d+\), in the shadow (yes|no) \(0\.\d+\)$/,
    )
    expect(report.has('mean_absolute_difference')).toBe(false)

    // What the report says is what the version says when it is asked itself.
    const itself = await predict({ rows: some }, '?version=2')
    const told = await rows<{ row: number; shadow_prediction: string }>(
      product,
      "SELECT row, shadow_prediction FROM _predictions WHERE subject = 'shadowed' ORDER BY row",
    )
    expect(told.map((one) => one.shadow_prediction)).toEqual(itself.json.predictions.map((one) => one.prediction))
  })

  test('is followed by a rollout, or by whatever is made live', { timeout: 60_000 }, async () => {
    const again = await ask(product, '/v1/sql', { json: { query: 'CREATE ROLLOUT FOR MODEL leaves VERSION 2 SHADOW' } })
    expect(again.json).toMatchObject({ code: 'resource.in_use' })
    expect((await ask(product, '/v1/sql', { json: { query: 'DROP MODEL leaves.2' } })).json).toMatchObject({
      code: 'resource.in_use',
    })
    await rows(product, 'CREATE ROLLOUT FOR MODEL leaves VERSION 2 STEPS (50, 100) EVERY 1 HOURS')
    const rollouts = await rows(product, 'DESCRIBE MODEL leaves.rollouts')
    expect(rollouts).toMatchObject([
      { status: 'running', percent: 50, shadow: null },
      { status: 'done', percent: 0, shadow: 1, reason: 'a rollout follows it' },
    ])
    expect((await property('leaves', 'shadow')).get('status')).toBe('done')
    await rows(product, 'ABORT ROLLOUT FOR MODEL leaves')
    await rows(product, 'CREATE ROLLOUT FOR MODEL leaves VERSION 2 SHADOW 0.5')
    await rows(product, 'PAUSE ROLLOUT FOR MODEL leaves')
    expect((await rows(product, 'RESUME ROLLOUT FOR MODEL leaves'))[0]).toMatchObject({
      status: 'running',
      shadow: 0.5,
    })
    await rows(product, 'SET MODEL leaves LIVE 2')
    expect((await rows(product, 'DESCRIBE MODEL leaves.rollouts'))[0]).toMatchObject({
      status: 'done',
      reason: 'version 2 is the live one',
    })
    await rows(product, 'SET MODEL leaves LIVE 1')
  })

  test('that fails is counted as that, and nobody hears of it', { timeout: 60_000 }, async () => {
    await trained(product, 'RETRAIN leaves FROM (SELECT contract, left FROM customers)')
    await rows(product, 'SET MODEL leaves LIVE 1')
    await rows(product, 'CREATE ROLLOUT FOR MODEL leaves VERSION 3 SHADOW')
    await untilRecorded('shadow_version = 3')
    const report = await property('leaves', 'shadow')
    expect(report.get('rows_compared')).toBe('0')
    expect(Number(report.get('rows_failed'))).toBeGreaterThan(0)
    expect(report.get('most_failed_with')).toBe('request.invalid')
  })
})
