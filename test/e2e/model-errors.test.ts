import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, rows, trained } from './ask.ts'

/** What a model cannot be trained from, and what of it is taken all the same: each with the words that somebody reads. */
let product: Product
const random = createRandom(11)
const customers = Array.from({ length: 600 }, (_, n) => {
  const tenure = Math.floor(random() * 60)
  const left = random() < (tenure < 20 ? 0.9 : 0.1) ? 'yes' : 'no'
  return JSON.stringify({ id: `c${n}`, day: `2026-01-${1 + (n % 28)}`, tenure, charge: 100 * random(), left })
})
beforeAll(async () => {
  product = await startProduct()
  await must(product, '/v1/events/customers?wait=true', { body: customers.join('\n') })
}, 120_000)
afterAll(() => product?.stop())

interface Job {
  readonly status: string
  readonly error?: { readonly code: string; readonly detail: string }
}

/** How the training of a statement ended. */
async function endOf(query: string): Promise<Job> {
  const [started] = await rows<{ job: string }>(product, query)
  for (;;) {
    const { json } = await must<Job>(product, `/v1/jobs/${started!.job}`)
    if (json.status !== 'queued' && json.status !== 'running') return json
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const widen = 'Run the SELECT by itself, and widen it until it answers rows that have a target.'
const vary = 'Select columns that vary, and that are known before the target is.'
const outcomes = 'Select rows of every outcome, also of those that did not happen.'
/** 100,000 texts, each in one or two of 120,000 rows. */
const cities = `SELECT concat('city ', toString((600 * again + toUInt32(substring(id, 2))) * 7919 % 100000)) AS city, tenure, left
  FROM customers ARRAY JOIN range(200) AS again`

describe('what cannot be trained', () => {
  test.each([
    [
      'a target that the query does not have',
      'SELECT * FROM customers',
      'PREDICT lft',
      'query.unknown_column',
      'The training query has no column `lft`, which PREDICT names.',
      'Did you mean `left`?',
    ],
    [
      'a time that the query does not have',
      'SELECT * FROM customers',
      'PREDICT left ORDER BY dya',
      'query.unknown_column',
      'The training query has no column `dya`, which ORDER BY names.',
      'Did you mean `day`?',
    ],
    [
      'a key that the query does not have',
      'SELECT * FROM customers',
      'PREDICT tenure ORDER BY day GROUP BY shop HORIZON 3',
      'query.unknown_column',
      'The training query has no column `shop`, which GROUP BY names.',
      'It has ',
    ],
    [
      'nothing but the target',
      'SELECT left FROM customers',
      'PREDICT left',
      'request.invalid',
      'The training query has nothing but the target.',
      'SELECT the columns to predict it from as well.',
    ],
    [
      'an unknown stream',
      'SELECT * FROM custmers',
      'PREDICT left',
      'query.unknown_table',
      'There is no stream `custmers`.',
      'Did you mean `customers`?',
    ],
    [
      'an unknown option',
      'SELECT * FROM customers',
      "PREDICT left USING enigne = 'gbdt'",
      'query.syntax',
      '`enigne`',
      '`engine`',
    ],
    [
      'SQL that is not allowed',
      "SELECT * FROM file('/etc/passwd')",
      'PREDICT left',
      'query.not_allowed',
      'file',
      'plain SELECTs',
    ],
  ])('is refused at once: %s', async (_, sql, rest, code, detail, hint) => {
    const { json } = await ask<{ code: string; detail: string; hint: string }>(product, '/v1/sql', {
      json: { query: `CREATE MODEL bad FROM (${sql}) ${rest}` },
    })
    expect(json).toMatchObject({
      code,
      detail: expect.stringContaining(detail) as string,
      hint: expect.stringContaining(hint) as string,
    })
    expect((await ask(product, '/v1/models/bad')).status).toBe(404)
  })

  test.each([
    [
      'no rows',
      'SELECT tenure, left FROM customers WHERE tenure < 0',
      'left',
      'model.no_rows',
      `The SELECT answers no rows. ${widen}`,
    ],
    [
      'one class',
      "SELECT tenure, left FROM customers WHERE left = 'yes'",
      'left',
      'model.one_class',
      `\`left\` is \`yes\` wherever it is known. ${outcomes}`,
    ],
    [
      'one number',
      'SELECT charge, 5.5 AS price FROM customers',
      'price',
      'model.one_class',
      `\`price\` is 5.5 wherever it is known. ${outcomes}`,
    ],
    [
      'a target that is always missing',
      'SELECT tenure, CAST(NULL AS Nullable(String)) AS left FROM customers',
      'left',
      'model.no_rows',
      `\`left\` is missing in all 600 rows. ${widen}`,
    ],
    [
      'a target that is never finite',
      'SELECT tenure, if(tenure > 30, nan, inf) AS score FROM customers',
      'score',
      'model.no_rows',
      `\`score\` is missing in all 600 rows. ${widen}`,
    ],
    [
      'columns that are always missing',
      'SELECT CAST(NULL AS Nullable(Float64)) AS income, nan AS wealth, left FROM customers',
      'left',
      'model.no_features',
      `Of no use are \`income\`: missing in every row; \`wealth\`: missing in every row. ${vary}`,
    ],
    [
      'a column that says the target in other words',
      "SELECT left, left = 'yes' AS gone FROM customers",
      'left',
      'model.no_features',
      `Of no use are \`gone\`: each of its values has one \`left\` only: it is the target, or decides it. ${vary}`,
    ],
    [
      '100,000 classes',
      cities,
      'city',
      'model.too_many_classes',
      '`city` has 100000 classes; at most 100 can be told apart. Group its values in the SELECT, or predict a number.',
    ],
    [
      'a series without a time',
      'SELECT left, tenure FROM customers',
      'tenure ORDER BY left HORIZON 3',
      'request.invalid',
      '`left` is no time. Make it one in the SELECT: toDateTime(…), parseDateTimeBestEffort(…).',
    ],
  ])('fails with its reason on the job: %s', { timeout: 60_000 }, async (_, sql, target, code, detail) => {
    const job = await endOf(`CREATE MODEL bad FROM (${sql}) PREDICT ${target}`)
    expect(job).toMatchObject({ status: 'failed', error: { code, detail } })
    expect(await rows(product, 'DESCRIBE MODEL bad.jobs')).toMatchObject([{ status: 'failed', error: detail }])
    expect((await ask(product, '/v1/models/bad/predict', { json: {} })).status).toBe(404)
    await rows(product, 'DROP MODEL bad')
  })
})

describe('what is taken all the same, and said', () => {
  test.each([
    [
      'a column that is always missing',
      'SELECT tenure, CAST(NULL AS Nullable(Float64)) AS income, left FROM customers',
      { column: 'income', used: false, note: 'missing in every row: left out' },
    ],
    [
      'NaN and infinities',
      'SELECT tenure, if(rowNumberInAllBlocks() % 5 = 0, inf, if(rowNumberInAllBlocks() % 7 = 0, nan, charge)) AS charge, left FROM customers',
      { column: 'charge', used: true },
    ],
    [
      '100,000 categories',
      cities,
      { column: 'city', used: true, note: /^100000 different texts: the 64 most frequent/ },
    ],
    [
      'rows without a target',
      'SELECT tenure, if(rowNumberInAllBlocks() % 3 = 0, NULL, left) AS left FROM customers',
      { column: 'left', used: false, note: 'missing in 200 rows: those rows are left out' },
    ],
  ])(
    '%s',
    { timeout: 120_000 },
    async (_, sql, { note, ...wanted }: { note?: string | RegExp; column: string; used: boolean }) => {
      await trained(product, `CREATE MODEL taken FROM (${sql}) PREDICT left USING engine = 'gbdt', rounds = 20`)
      const features = await rows<{ column: string; note: string }>(product, 'DESCRIBE MODEL taken.features')
      const found = features.find(({ column }) => column === wanted.column)
      expect(found).toMatchObject(wanted)
      if (note !== undefined) expect(found?.note).toMatch(note)
      const answer = await ask<{ predictions: object[] }>(product, '/v1/models/taken/predict', { json: { tenure: 3 } })
      expect(answer.json).toMatchObject({ predictions: [{ probability: expect.any(Number) as number }] })
      await rows(product, 'DROP MODEL taken')
    },
  )
})
