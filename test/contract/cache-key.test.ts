import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create } from '@bufbuild/protobuf'
import type { Failure } from '#mesh/errors.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { Format, type Query } from '#proto/edgewise/query/v1/query_pb.ts'
import { predicateOf } from '../../edge/auth/sessions.ts'
import { etagOf } from '../../edge/cache/etag.ts'
import { type Question, questionOf } from '../../edge/cache/question.ts'
import { paramsOf, parseExact } from '../../edge/routes/body.ts'
import { askedOf } from '../../edge/routes/endpoints/asked.ts'
import { splitSuffix } from '../../edge/routes/formats.ts'
import { callQuery, declare, type Fixture, startQuery } from '../core/query/fixture.ts'
import { callBy } from '../support/call.ts'
import { createRandom } from '../../core/model/random.ts'

/**
 * Two requests share an entry of the cache if and only if the core would give both the same bytes.
 *
 * Requests are drawn as HTTP, in all the ways in which one thing can be asked for, and read by the edge's own code. What
 * each should answer is asked of the real core, with the values as they were drawn. Every dimension shows in the rows, so
 * that no two things asked for have the same bytes by accident. The edge encodes no answers, so of encodings there is one:
 * how integers are written.
 *
 * What a predicate or a query means is not looked into: two that differ in their text and select the same rows do not
 * share. Nor does a time without an offset, outside UTC, with the moment that it is.
 *
 * COMBINATIONS=… and SEED=… try more and others.
 */
const combinations = Number(process.env['COMBINATIONS'] ?? 10_000)
const seed = Number(process.env['SEED'] ?? 1)
const bases = 4

/** One value in the ways in which it can be written: as texts in a URL (several: repeated), and as JSON. */
interface Value {
  readonly url: readonly (readonly string[])[]
  readonly json?: readonly string[]
}

const one = (...texts: readonly string[]): Value => ({ url: texts.map((text) => [text]) })
const absent: Value = { url: [[]], json: ['null'] }

/** The values of each parameter: those of one row of the array are the same, those of different rows are not. */
const values: Readonly<Record<string, readonly Value[]>> = {
  n: [
    // Its default.
    { url: [[], ['7'], ['007']], json: ['7', '"7"', 'null'] },
    { url: [['8'], ['08']], json: ['8'] },
    { url: [['77']], json: ['77'] },
  ],
  wide: [absent, one('-9007199254740993', '-09007199254740993'), one('-9007199254740992'), one('0', '-0')],
  word: [absent, one(''), one('a'), one('A'), one('7'), one('007'), one('a,b'), one('ü'), one('u\u0308'), one('["a"]')],
  tags: [
    { url: [[], [''], ['[]'], ['[ ]']], json: ['[]', 'null'] },
    { url: [['a', 'b'], ['a,b'], ['["a","b"]'], ['[ "a", "b" ]']], json: ['["a","b"]', '"a,b"'] },
    { url: [['b', 'a'], ['b,a']], json: ['["b","a"]'] },
    { url: [['["a,b"]']], json: ['["a,b"]'] },
    { url: [['ab']], json: ['["ab"]'] },
  ],
  ids: [
    absent,
    { url: [['1', '2'], ['1,2'], ['01,2'], ['[1,2]'], ['["1", 2]']], json: ['[1,2]', '["01","2"]'] },
    { url: [['12']], json: ['[12]'] },
    { url: [['18446744073709551615']], json: ['[18446744073709551615]'] },
  ],
  flag: [
    absent,
    { url: [['true'], ['1'], ['TRUE']], json: ['true', '1'] },
    { url: [['false'], ['0']], json: ['false'] },
  ],
  ratio: [
    absent,
    one('0.5', '.5', '5e-1', '+0.50', '0.5e0'),
    one('0.25'),
    one('5'),
    one('0', '0.0'),
    one('-0', '-0.0'),
  ],
  price: [absent, one('1.5', '1.50', '+01.5'), one('15'), one('-1.5'), one('0', '-0', '0.00')],
  code: [
    absent,
    one('6f9619ff-8b86-d011-b42d-00cf4fc964ff', '6F9619FF-8B86-D011-B42D-00CF4FC964FF'),
    one('6f9619ff-8b86-d011-b42d-00cf4fc964fe'),
  ],
  host: [absent, one('::1', '0:0:0:0:0:0:0:1', '0::0001'), one('::ffff:10.0.0.1', '::FFFF:a00:1'), one('::2')],
  since: [
    absent,
    one(
      '2026-01-31T12:00:00Z',
      '2026-01-31T13:00:00+01:00',
      '2026-01-31 12:00Z',
      '1769860800',
      '2026-01-31t07:00-0500',
    ),
    one('2026-01-31T12:00:00.25Z', '1769860800.25', '2026-01-31T12:00:00.250z'),
    one('2026-01-30T12:00:00Z'),
  ],
  // Another moment in each time zone.
  day: [absent, one('2026-02-01', '2026-02-01 00:00', '2026-02-01T00:00:00'), one('2026-02-02T06:30')],
  // A closed set is compared as text.
  size: [{ url: [[], ['small']], json: ['"small"', 'null'] }, one('large')],
}

const sqlOf = (name: string, edition: string): string => `
  SELECT '${name}' AS query, '${edition}' AS edition, {n:UInt32} AS n, {wide:Int64} AS wide, {word:String} AS word,
    {tags:Array(String)} AS tags, {ids:Array(UInt64)} AS ids, {flag:Bool} AS flag, {ratio:Float64} AS ratio,
    {price:Decimal(18, 4)} AS price, {code:Nullable(UUID)} AS code, {host:IPv6} AS host,
    {since:DateTime64(3)} AS since, {day:DateTime} AS day, {size:LowCardinality(String)} AS size,
    id, tenant, region, mail, toStartOfDay(at) AS bucket, toJSONString(tuple(id)) AS written
  FROM (SELECT id, tenant, region, mail, at FROM sales UNION ALL SELECT id, tenant, region, mail, at FROM visits) ORDER BY id`

/** Who asks. The actors of one row see the same; those of different rows do not. */
const sales = (column: string, ...allowed: string[]) => ({ stream: 'sales', column, values: allowed })
const visits = (column: string, ...allowed: string[]) => ({ stream: 'visits', column, values: allowed })
const people = [
  [{}, { id: 'key_twin', scopes: ['endpoints:read:report', 'endpoints:read:summary'] }],
  [{ workspace: 'other' }],
  [
    { scopes: ['endpoints:read', 'pii:read'] },
    { scopes: ['pii:read', 'endpoints:read:report', 'endpoints:read:summary'] },
  ],
  [
    { filters: [sales('tenant', 'a'), visits('tenant', 'a')] },
    { filters: [visits('tenant', 'a', 'a'), sales('tenant', 'a')] },
  ],
  [{ filters: [sales('tenant', 'b'), visits('tenant', 'a')] }],
  [{ filters: [sales('tenant', 'a'), visits('tenant', 'b')] }],
  [
    { filters: [sales('tenant', 'a', 'b'), visits('tenant', 'a')] },
    { filters: [sales('tenant', 'b', 'a'), visits('tenant', 'a')] },
  ],
  [{ filters: [sales('region', 'a'), visits('tenant', 'a')] }],
  [
    { filters: [sales('tenant', 'a'), sales('region', 'n'), visits('tenant', 'a')] },
    { filters: [sales('region', 'n'), visits('tenant', 'a'), sales('tenant', 'a')] },
  ],
  [{ workspace: 'other', filters: [sales('tenant', 'a'), visits('tenant', 'a')] }],
] as const satisfies readonly (readonly Partial<Actor>[] | readonly object[])[]

const timezones = [
  ['', 'UTC', 'Etc/UTC', 'utc'],
  ['Europe/Berlin'],
  ['Asia/Kolkata', 'Asia/Calcutta'],
  ['America/New_York'],
]
const formats = ['json', 'ndjson', 'csv'] as const
const accepts: Readonly<Record<(typeof formats)[number], readonly (string | null)[]>> = {
  json: [null, '*/*', 'application/json', 'text/html, application/json;q=0.9, */*;q=0.1'],
  ndjson: ['application/x-ndjson', 'application/jsonl'],
  csv: ['text/csv', 'text/*;q=0.5, image/png'],
}

/** What is asked for: for each dimension which, and in which of its spellings. */
type Choice = Readonly<Record<string, { readonly which: number; readonly spelling: number }>>

/** How many there are to choose from, and in how many spellings. */
const dimensions: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(Object.entries(values).map(([name, each]) => [name, each.map(({ url }) => url.length)])),
  person: people.map((same) => same.length),
  timezone: timezones.map((same) => same.length),
  format: formats.map(() => 1),
  // Published first, then published over it: with a number, or as what there is.
  edition: [1, 2],
  query: [1, 1],
  int64: [2, 1],
  // Who supplies `n`: the caller or the credential.
  binding: [2],
}

const columns = [
  { name: 'id', type: 'UInt64', pii: false },
  { name: 'tenant', type: 'String', pii: false },
  { name: 'region', type: 'String', pii: false },
  { name: 'at', type: 'DateTime64(3)', pii: false },
  { name: 'mail', type: 'String', pii: true },
]

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
  for (const [at, workspace] of ['main', 'other'].entries()) {
    for (const [add, stream] of [
      [0, 'sales'],
      [100, 'visits'],
    ] as const) {
      const id = (n: number) => at * 1_000 + add + n
      await fixture.warehouse.command(
        `CREATE TABLE ${workspace}.${stream} (id UInt64, tenant String, region String, at DateTime64(3), mail String DEFAULT concat(tenant, '@example.com'),
          _partition UInt16 MATERIALIZED 0, _offset UInt64 MATERIALIZED 0) ENGINE = MergeTree ORDER BY id`,
      )
      await fixture.warehouse.command(
        `INSERT INTO ${workspace}.${stream} (id, tenant, region, at) VALUES (${id(1)}, 'a', 'n', '2026-03-01 03:00:00'), (${id(2)}, 'a', 's', '2026-03-01 20:00:00'),
          (${id(3)}, 'b', 'n', '2026-03-02 23:00:00'), (${id(4)}, 'b', 'a', '2026-03-03 12:00:00'), (${id(5)}, 'c', 's', '2026-03-04 00:00:00')`,
      )
    }
    for (const stream of ['sales', 'visits']) await declare(fixture, workspace, stream, columns)
    for (const name of ['report', 'summary'])
      for (const edition of ['old', 'new']) await publish(workspace, name, edition)
  }
})
afterAll(() => fixture?.close())

async function publish(workspace: string, name: string, edition: string): Promise<void> {
  const declared = { type: '', required: false, enumValues: [], description: '' }
  const parameters = [
    { ...declared, name: 'n', defaultValue: '7' },
    { ...declared, name: 'size', defaultValue: 'small', enumValues: ['small', 'large'] },
  ]
  await fixture.service.putQuery(
    {
      $typeName: 'edgewise.query.v1.PutQueryRequest',
      name,
      sql: sqlOf(name, edition),
      parameters: parameters.map((one) => ({ $typeName: 'edgewise.query.v1.Parameter', ...one })),
      cache: {
        $typeName: 'edgewise.query.v1.CachePolicy',
        ttlSeconds: 60,
        staleWhileRevalidateSeconds: 0,
        staleIfErrorSeconds: 0,
      },
      description: '',
      ifVersion: 0,
      dryRun: false,
    },
    callBy({ workspace, scopes: ['queries:write', 'queries:read', 'sql:read'] }),
  )
}

/** A request as it comes, and what it means: the same for all that ask for the same. */
interface Request {
  readonly actor: Actor
  readonly url: string
  readonly accept: string | null
  readonly body: string | undefined
  /** What the core is asked where nobody has put anything in order. */
  readonly call: NonNullable<Parameters<typeof callQuery>[3]>
}

/** The texts of a value on its way to the core; undefined: absent. */
function rawOf(texts: readonly string[]): string | undefined {
  return texts.length > 1 ? JSON.stringify(texts) : texts[0]
}

function drawRequest(choice: Choice, random: () => number): Request {
  const any = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const chosen = (name: string) => choice[name] as Choice[string]
  const pick = <T>(lists: readonly (readonly T[])[], name: string): T =>
    lists[chosen(name).which]?.[chosen(name).spelling] as T
  const url: [string, string][] = []
  const body: string[] = []
  const params: Record<string, string> = {}
  const bound: Record<string, string> = {}
  const posts = random() < 0.3
  for (const [name, each] of Object.entries(values)) {
    const value = each[chosen(name).which] as Value
    const json = value.json ?? value.url.map(([text = '']) => JSON.stringify(text))
    const texts = value.url[chosen(name).spelling] as readonly string[]
    let raw = rawOf(texts)
    if (name === 'n' && chosen('binding').spelling === 1 && raw !== undefined) bound[name] = raw
    else if (posts && random() < 0.5) {
      const text = json[chosen(name).spelling % json.length] as string
      body.push(`${JSON.stringify(name)}:${text}`)
      raw = text === 'null' ? undefined : text.startsWith('"') ? (JSON.parse(text) as string) : text
    } else url.push(...texts.map((text): [string, string] => [name, text]))
    if (raw !== undefined && bound[name] === undefined) params[name] = raw
  }
  const name = ['report', 'summary'][chosen('query').which] as string
  const version = chosen('edition').which === 0 ? 1 : ([0, 2][chosen('edition').spelling] as number)
  if (version > 0) url.push(['version', String(version)])
  const timezone = pick(timezones, 'timezone')
  if (timezone !== '' || random() < 0.2) url.push(['timezone', timezone])
  const int64AsString = chosen('int64').which === 1
  if (int64AsString || chosen('int64').spelling === 1) url.push(['int64', int64AsString ? 'string' : 'number'])
  const format = formats[chosen('format').which] as (typeof formats)[number]
  const bySuffix = random() < 0.5
  const who = pick<object>(people, 'person')
  return {
    actor: create(ActorSchema, { workspace: 'main', id: 'key_one', scopes: ['endpoints:read'], params: bound, ...who }),
    url: `https://edge.test/v1/endpoints/${name}${bySuffix ? `.${format}` : ''}?${written(url, random)}`,
    // A suffix counts before it.
    accept: bySuffix ? any([null, 'text/csv', 'application/json']) : any(accepts[format]),
    body: posts ? `{${body.join(',')}}` : undefined,
    call: {
      params,
      version,
      timezone: /^(utc|Etc)/.test(timezone) ? 'UTC' : timezone,
      int64AsString,
      format: { json: Format.JSON, ndjson: Format.NDJSON, csv: Format.CSV }[format],
    },
  }
}

/** In any order of the names, and with any characters encoded. */
function written(pairs: readonly (readonly [string, string])[], random: () => number): string {
  const places = new Map(pairs.map(([name]) => [name, random()]))
  const encoded = (text: string): string =>
    random() < 0.5
      ? encodeURIComponent(text)
      : [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  return pairs
    .toSorted(([a], [b]) => (places.get(a) ?? 0) - (places.get(b) ?? 0))
    .map(([name, text]) => `${name}=${encoded(text)}`)
    .join('&')
}

/** Some choices, each with all that differ from it in one dimension or in how that is written, and some that differ in two. */
function drawChoices(random: () => number): readonly Choice[] {
  const names = Object.keys(dimensions)
  const any = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const options = (name: string) =>
    (dimensions[name] ?? []).flatMap((spellings, which) =>
      Array.from({ length: spellings }, (_, spelling) => ({ [name]: { which, spelling } })),
    )
  const draw = () => any(options(any(names)))
  return Array.from({ length: bases }, () => {
    const base: Choice = Object.assign({}, ...names.map((name) => any(options(name))))
    const near = names.flatMap((name) => options(name).map((option) => ({ ...base, ...option })))
    const apart = Array.from({ length: near.length / 4 }, () => ({ ...base, ...draw(), ...draw() }))
    return [...near, ...apart]
  }).flat()
}

const descriptions = new Map<string, Promise<Query>>()

function described(actor: Actor, name: string, version: number): Promise<Query> {
  const same = `${actor.workspace}/${name}/${version}`
  const ask = () =>
    fixture.service.describeQuery({ $typeName: 'edgewise.query.v1.DescribeQueryRequest', name, version }, callBy(actor))
  const known = descriptions.get(same) ?? Promise.resolve(ask())
  descriptions.set(same, known)
  return known
}

/** The edge's own way from a request to its question. */
async function questionFor({ actor, url, accept, body }: Request): Promise<Question> {
  const { name, format } = splitSuffix(new URL(url).pathname.split('/').at(-1) ?? '')
  const params = body === undefined ? undefined : paramsOf(parseExact(body))
  const asked = askedOf({ url, format, accept, ...(params && { body: params }) })
  const query = await described(actor, name, asked.version)
  const session = {
    id: 0,
    actor,
    expiresAtMs: Infinity,
    byToken: false,
    predicate: predicateOf(actor),
    meter: undefined as never,
  }
  const known = { workspace: actor.workspace, name: query.name, version: query.version, said: query, current: true }
  return questionOf(session, known, asked)
}

/** What the core answers, but for what its running cost: asked once for each call. */
function createOracle() {
  const known = new Map<string, Promise<string>>()
  return {
    known,
    bytesFor(actor: Actor, name: string, call: Request['call']): Promise<string> {
      const { workspace, filters, params } = actor
      const sees = actor.scopes.includes('pii:read')
      const same = JSON.stringify([workspace, filters, sees, params, name, Object.entries(call)])
      let answer = known.get(same)
      if (answer === undefined) {
        answer = (async () => {
          const { bytes, contentType } = await callQuery(fixture.service, actor, name, call)
          return `${contentType} ${await etagOf(new Uint8Array(bytes), contentType)}`
        })()
        known.set(same, answer)
      }
      return answer
    },
  }
}

interface Seen {
  readonly request: Request
  readonly question: Question
  readonly bytes: string
}

/** Two that share and must not, or do not and could. */
function broken(seen: readonly Seen[], keyOf: (question: Question) => string): readonly [Seen, Seen] | undefined {
  const byKey = new Map<string, Seen>()
  const byBytes = new Map<string, Seen>()
  for (const one of seen) {
    const key = keyOf(one.question)
    const [shares, same] = [byKey.get(key), byBytes.get(one.bytes)]
    if (shares !== undefined && shares.bytes !== one.bytes) return [shares, one]
    if (same !== undefined && keyOf(same.question) !== key) return [same, one]
    byKey.set(key, one)
    byBytes.set(one.bytes, one)
  }
  return undefined
}

const partNames = ['workspace', 'predicate', 'query', 'version', 'format', 'time zone', 'integers', 'values'] as const

describe(`over ${combinations} requests of seed ${seed}`, () => {
  let seen: readonly Seen[] = []
  const oracle = createOracle()

  beforeAll(async () => {
    const random = createRandom(seed)
    const choices = drawChoices(random)
    const requests = Array.from({ length: combinations }, () =>
      drawRequest(choices[Math.floor(random() * choices.length)] as Choice, random),
    )
    const found: Seen[] = []
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let request = requests.pop(); request !== undefined; request = requests.pop()) {
          const question = await questionFor(request)
          const bytes = await oracle.bytesFor(request.actor, question.call.name ?? '', request.call)
          found.push({ request, question, bytes })
        }
      }),
    )
    seen = found
  }, 120_000)

  test('two share an entry if and only if the core gives both the same bytes', () => {
    const pair = broken(seen, ({ key }) => key)
    expect(pair?.map(({ request, question, bytes }) => ({ request, key: question.key, bytes }))).toBeUndefined()
    // Neither nothing nor everything is shared.
    const entries = new Set(seen.map(({ question }) => question.key)).size
    expect(entries).toBeGreaterThan(200)
    expect(oracle.known.size).toBeGreaterThan(1.5 * entries)
    expect(seen.length).toBe(combinations)
  })

  test('what is asked of the core for an entry is what was asked for', { timeout: 60_000 }, async () => {
    const first = new Map(seen.map((one) => [one.question.key, one]))
    for (const { request, question, bytes } of first.values()) {
      const { name = '', params = {}, format, ...rest } = question.call
      const call = { ...rest, params, format: format ?? Format.UNSPECIFIED } as Request['call']
      expect(await oracle.bytesFor(request.actor, name, call), question.key).toBe(bytes)
    }
  })

  test.each(partNames.map((name, at) => [name, at] as const))('without the %s in the key it fails', (_, at) => {
    const without = ({ key }: Question) => JSON.stringify((JSON.parse(key) as unknown[]).toSpliced(at, 1))
    expect(JSON.parse(seen[0]?.question.key ?? '')).toHaveLength(partNames.length)
    expect(broken(seen, without)).toBeDefined()
  })

  test.each(Object.keys(values))('without the value of %s in the key it fails', (name) => {
    const without = ({ key }: Question): string => {
      const parts = JSON.parse(key) as [...unknown[], [string, string][]]
      return JSON.stringify([
        ...parts.slice(0, -1),
        (parts.at(-1) as [string, string][]).filter(([one]) => one !== name),
      ])
    }
    expect(broken(seen, without)).toBeDefined()
  })

  test.each(['stream', 'column', 'values'])('without the %s of its filters in the key it fails', (part) => {
    const at = ['stream', 'column', 'values'].indexOf(part)
    const without = ({ key }: Question): string => {
      const [workspace, predicate, ...rest] = JSON.parse(key) as [string, string, ...unknown[]]
      const filters = predicate
        .split('\n')
        .map((line) => (line.startsWith('[') ? (JSON.parse(line) as unknown[]).toSpliced(at, 1) : line))
      return JSON.stringify([workspace, filters.map((filter) => JSON.stringify(filter)).sort(), ...rest])
    }
    expect(broken(seen, without)).toBeDefined()
  })

  test('without whose personal data it is in the key it fails', () => {
    expect(broken(seen, ({ key }) => key.replace('pii:read', ''))).toBeDefined()
  })
})

test('what a credential binds and the query does not take is nobody else’s question', async () => {
  const url = 'https://edge.test/v1/endpoints/report'
  const ask = (params: Record<string, string>) =>
    questionFor({
      actor: create(ActorSchema, { workspace: 'main', id: 'key_one', scopes: ['endpoints:read'], params }),
      url,
      accept: null,
      body: undefined,
      call: {},
    })
  const [free, bound] = [await ask({}), await ask({ customer: 'a' })]
  expect(bound.key).not.toBe(free.key)
  const refused = await callQuery(
    fixture.service,
    { scopes: ['endpoints:read'], params: { customer: 'a' } },
    'report',
  ).catch((thrown: unknown) => thrown)
  expect((refused as Failure).problem).toBe('auth.bound_parameter')
})
