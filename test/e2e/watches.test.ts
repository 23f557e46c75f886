import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { type Product, startProduct } from '../support/product.ts'
import { taxiRides, windowsHit } from '../support/taxi.ts'
import { ask, must, newKey, rows, trained } from './ask.ts'

const hourMs = 3_600_000
const begin = Date.UTC(2026, 0, 5)
const weeks4 = 24 * 28
const random = createRandom(5)
const noise = Array.from({ length: 1_000 }, random)

/** Hours of two shops with a day's rhythm; one of them stands still in the hours named. */
function visits(from: number, to: number, still: readonly number[] = []): string {
  return ['north', 'south']
    .flatMap((shop, at) =>
      Array.from({ length: to - from }, (_, i) => {
        const n = from + i
        const rhythm = 100 + 50 * at + 40 * Math.sin((2 * Math.PI * n) / 24) + 5 * noise[n]!
        return JSON.stringify({
          shop,
          hour: new Date(begin + n * hourMs).toISOString(),
          value: at === 0 && still.includes(n) ? 0 : rhythm,
        })
      }),
    )
    .join('\n')
}

const query = 'SELECT shop, hour, value FROM visits'
const create = `CREATE MODEL odd FROM (${query}) PREDICT value ORDER BY hour GROUP BY shop USING engine = 'anomaly'`
const watch = 'SET MODEL odd WATCH EVERY 10 SECONDS'

let product: Product
let stranger: string
beforeAll(async () => {
  product = await startProduct()
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'stranger' } })
  stranger = made.json.key.key
  await must(product, '/v1/events/visits?wait=true', { body: visits(0, weeks4) })
  await trained(product, create)
}, 120_000)
afterAll(() => product?.stop())

interface Watch {
  readonly status: string
  readonly version: number
  readonly seen_until: string
  readonly alarms: number
  readonly reason: string
}

const watchOf = async (name = 'odd') => (await rows<Watch>(product, `DESCRIBE MODEL ${name}.watch`))[0]
const alarmsOf = (name = 'odd', key = product.key) =>
  rows<{ time: string; series: Readonly<Record<string, string>>; value: number; expected: number; score: number }>(
    product,
    `SELECT * FROM _alarms WHERE model = '${name}' ORDER BY time`,
    key,
  )

async function until(isSo: (watch: Watch | undefined) => boolean, name = 'odd'): Promise<void> {
  while (!isSo(await watchOf(name))) await sleep(200)
}

/** Waits until everything up to an hour has been judged, and its alarms can be read. */
async function seen(hour: number): Promise<void> {
  await until((found) => Date.parse(found?.seen_until ?? '') === begin + hour * hourMs)
  const { alarms } = (await watchOf())!
  while ((await alarmsOf()).length < alarms) await sleep(100)
}

test('a watch tells what is odd in what comes, once, and through a crash', { timeout: 120_000 }, async () => {
  const [set] = await rows(product, watch)
  expect(set).toMatchObject({ model: 'odd', every: '10 SECONDS', status: 'watching', series: 2, alarms: 0 })
  expect(await alarmsOf()).toEqual([])
  await must(product, '/v1/events/visits?wait=true', { body: visits(weeks4, weeks4 + 48, [weeks4 + 30, weeks4 + 31]) })
  await seen(weeks4 + 47)
  const first = await alarmsOf()
  expect(first).toMatchObject([
    { time: new Date(begin + (weeks4 + 30) * hourMs).toISOString(), series: { shop: 'north' }, value: 0, version: 1 },
  ])
  expect(first[0]!.expected).toBeGreaterThan(50)
  expect(first[0]!.score).toBeLessThan(-3)

  await product.killCore()
  await must(product, '/v1/events/visits?wait=true', { body: visits(weeks4 + 48, weeks4 + 120, [weeks4 + 100]) })
  await seen(weeks4 + 119)
  expect(await alarmsOf()).toMatchObject([first[0]!, { series: { shop: 'north' }, value: 0 }])
  // Set again it goes on, and has nothing more to say.
  await rows(product, watch)
  expect(await watchOf()).toMatchObject({
    alarms: 2,
    seen_until: new Date(begin + (weeks4 + 119) * hourMs).toISOString(),
  })
  const info = await rows<{ property: string; value: string }>(product, 'DESCRIBE MODEL odd')
  expect(info).toContainEqual({ property: 'watch', value: 'watching, every 10 SECONDS, 2 alarms' })
})

test('whose series is odd is personal data unless it is granted; nothing of it is another workspace’s', async () => {
  const { key: reader } = await newKey(product, { scopes: ['sql:read'] })
  expect(await alarmsOf('odd', reader)).toMatchObject([{ series: {}, value: 0 }, { series: {} }])
  const { key: granted } = await newKey(product, { scopes: ['sql:read', 'pii:read:_alarms'] })
  expect(await alarmsOf('odd', granted)).toMatchObject([{ series: { shop: 'north' } }, {}])
  expect(await alarmsOf('odd', stranger)).toEqual([])
  const nameless = (text: string): string => text.replaceAll(/odd|nosuch/g, 'X').replaceAll(/req_\w+/g, '')
  for (const statement of [watch, 'DROP WATCH FOR MODEL odd', 'DESCRIBE MODEL odd.watch']) {
    const asked = (query: string) => ask(product, '/v1/sql', { json: { query }, key: stranger })
    const [theirs, none] = [await asked(statement), await asked(statement.replace('odd', 'nosuch'))]
    expect(theirs.status).toBe(404)
    expect(nameless(theirs.text)).toBe(nameless(none.text))
  }
})

test('rows of a SELECT are judged where they stand, each series by itself', { timeout: 60_000 }, async () => {
  interface Judged {
    readonly shop: string
    readonly hour: string
    readonly anomaly: boolean | null
    readonly alarm: boolean | null
    readonly score: number | null
  }
  const join = (from: string, what = 't.*, m.*') => `SELECT ${what} FROM (${from}) AS t JOIN odd AS m`
  const judged = await rows<Judged>(product, join(`${query} ORDER BY hour`))
  expect(judged).toHaveLength(2 * (weeks4 + 120))
  const hourOf = ({ hour }: Judged) => (Date.parse(hour) - begin) / hourMs - weeks4
  expect(judged.filter(({ anomaly }) => anomaly).map((one) => [one.shop, hourOf(one), one.alarm])).toEqual([
    ['north', 30, true],
    ['north', 31, false],
    ['north', 100, true],
  ])
  // What it was trained from has no score.
  for (const one of judged) expect(one.score === null).toBe(hourOf(one) < 0)
  const [told] = await alarmsOf()
  expect(judged.find(({ alarm }) => alarm)?.score).toBe(told!.score)

  // A column may be called as what it is made of, and two may change names.
  const daily =
    'SELECT shop, toStartOfDay(hour) AS hour, avg(value) AS value FROM visits GROUP BY shop, hour ORDER BY hour'
  expect(await rows(product, join(daily, 't.hour'))).toHaveLength(2 * (28 + 5))
  const series = "PREDICT value ORDER BY hour GROUP BY shop USING engine = 'anomaly'"
  await trained(product, `CREATE MODEL days FROM (${daily}) ${series}`)
  const swapped = join(
    `SELECT shop, hour, value, 7 AS n FROM visits ORDER BY hour LIMIT 1`,
    't.n AS value, t.value AS n',
  )
  expect(await rows(product, swapped)).toEqual([{ value: 7, n: expect.not.closeTo(7) }])

  const last = join(`${query} ORDER BY hour LIMIT 1 OFFSET ${2 * weeks4 + 60}`, 't.shop, m.anomaly AS odd')
  const csv = await must(product, '/v1/sql', { json: { query: `${last} FORMAT CSV` } })
  expect(csv.text).toMatch(/^"shop","odd"\n"(north|south)",(true|false)\n$/)
  const strange = `SELECT 'east' AS shop, now() AS hour, 1 AS value`
  expect(await rows(product, join(strange, 't.shop, m.anomaly, m.score'))).toEqual([
    { shop: 'east', anomaly: null, score: null },
  ])
  const refused = async (text: string) => (await ask(product, '/v1/sql', { json: { query: text } })).json
  expect(await refused(join(`${query} ORDER BY hour DESC`))).toMatchObject({
    code: 'request.invalid',
    hint: 'A series is judged in the order of time: put ORDER BY its time inside the parentheses.',
  })
  expect(await refused(join(query, 'm.anomoly'))).toMatchObject({ hint: 'Did you mean `anomaly`?' })
  expect(await refused(join('SELECT shop, hour FROM visits'))).toMatchObject({ code: 'query.unknown_column' })
  expect(await refused(join('SELECT shop, toString(hour) AS hour, value FROM visits'))).toMatchObject({
    detail: '`hour` is no time.',
    hint: 'Make it one in the SELECT: toDateTime(…), parseDateTimeBestEffort(…).',
  })
})

test(
  'a watch is paused once the key that set it is revoked, and goes on where somebody sets it again',
  {
    timeout: 60_000,
  },
  async () => {
    const { key, id } = await newKey(product, { scopes: ['sql:read', 'models:read', 'models:write'] })
    await rows(product, watch, key)
    await must(product, `/v1/keys/${id}`, { method: 'DELETE' })
    await until((found) => found?.status === 'paused')
    expect((await watchOf())?.reason).toContain('has ended')
    await must(product, '/v1/events/visits?wait=true', { body: visits(weeks4 + 120, weeks4 + 144, [weeks4 + 130]) })
    await sleep(1_500)
    expect(await alarmsOf()).toHaveLength(2)
    await rows(product, watch)
    await seen(weeks4 + 143)
    expect(await alarmsOf()).toHaveLength(3)
    const { text } = await must(product, '/v1/audit?limit=1000')
    for (const action of ['set_watch', 'pause_watch']) expect(text).toContain(action)
  },
)

test(
  'what cannot be watched is refused with the way out; a dropped watch looks no more',
  { timeout: 60_000 },
  async () => {
    await trained(product, `CREATE MODEL next FROM (${query}) PREDICT value ORDER BY hour GROUP BY shop HORIZON 24`)
    const refused = async (text: string, key = product.key) =>
      (await ask(product, '/v1/sql', { json: { query: text }, key })).json
    expect(await refused('SET MODEL next WATCH EVERY 1 MINUTE')).toMatchObject({
      code: 'request.invalid',
      detail: '`next` is no anomaly model, and watches nothing.',
    })
    expect(await refused(`SELECT m.value FROM (${query}) AS t JOIN next AS m`)).toMatchObject({
      code: 'request.invalid',
    })
    expect(await refused('DROP WATCH FOR MODEL next')).toMatchObject({ code: 'resource.not_found' })
    const { key } = await newKey(product, { scopes: ['sql:read', 'models:read'] })
    expect(await refused(watch, key)).toMatchObject({ code: 'auth.scope' })
    expect(await rows(product, 'DROP WATCH FOR MODEL odd')).toEqual([{ model: 'odd', dropped: true }])
    expect(await rows(product, 'DROP WATCH IF EXISTS FOR MODEL odd')).toEqual([{ model: 'odd', dropped: false }])
    expect(await watchOf()).toBeUndefined()
    await rows(product, watch)
    await rows(product, 'DROP MODEL odd')
    await trained(product, create)
    expect(await watchOf()).toBeUndefined()
  },
)

const rides = taxiRides()
test.skipIf(rides === undefined)(
  'of taxi rides as they come, from the fourteenth week on, the odd ones are told',
  { timeout: 120_000 },
  async () => {
    const lines = Array.from(rides!.times, (timeMs, i) =>
      JSON.stringify({ at: new Date(timeMs).toISOString(), value: rides!.values[i] }),
    )
    const known = 14 * 336
    const send = (from: number, to: number) =>
      must(product, '/v1/events/taxi?wait=true', { body: lines.slice(from, to).join('\n') })
    await send(0, known)
    await trained(
      product,
      `CREATE MODEL rides FROM (SELECT at, value FROM taxi) PREDICT value ORDER BY at USING engine = 'anomaly'`,
    )
    await rows(product, 'SET MODEL rides WATCH EVERY 10 SECONDS')
    for (let from = known; from < lines.length; from += 2_000) await send(from, Math.min(from + 2_000, lines.length))
    await until((found) => Date.parse(found?.seen_until ?? '') === rides!.times.at(-1), 'rides')
    const { alarms } = (await watchOf('rides'))!
    while ((await alarmsOf('rides')).length < alarms) await sleep(100)
    const told = (await alarmsOf('rides')).map(({ time }) => ({ fromMs: Date.parse(time), toMs: Date.parse(time) }))
    const { hit, outside } = windowsHit(rides!, told)
    expect(hit).toBeGreaterThanOrEqual(4)
    expect(outside.length).toBeLessThanOrEqual(5)
  },
)
