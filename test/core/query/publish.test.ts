import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changes } from '../../../core/config/schema.ts'
import { claimName } from '../../../core/config/index.ts'
import {
  DeleteQueryRequestSchema,
  DescribeQueryRequestSchema,
  Format,
  ListQueriesRequestSchema,
  ListQueryVersionsRequestSchema,
  PutQueryRequestSchema,
} from '../../../proto/gen/edgewise/query/v1/query_pb.ts'
import { callBy } from '../../support/call.ts'
import { analyst, callQuery, failureOf, startQuery, tenantA, type Fixture, type Who } from './fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

type PutInit = MessageInitShape<typeof PutQueryRequestSchema>

const put = (request: PutInit, who: Who = analyst) =>
  fixture.service.putQuery(create(PutQueryRequestSchema, request), callBy(who))
const describeIt = (name: string, version = 0, who: Who = analyst) =>
  fixture.service.describeQuery(create(DescribeQueryRequestSchema, { name, version }), callBy(who))
const unpublish = (name: string, who: Who = analyst) =>
  fixture.service.deleteQuery(create(DeleteQueryRequestSchema, { name }), callBy(who))
const call = (name: string, params: Record<string, string> = {}, who: Who = analyst) =>
  callQuery(fixture.service, who, name, { params })
const rows = async (name: string, params: Record<string, string> = {}, who: Who = analyst) =>
  (await call(name, params, who)).rows

describe('publishing', () => {
  test('answers name, version, parameters in the order of the text, and columns', async () => {
    const sql = `SELECT id, amount * {factor:Float64} AS scaled -- {not:String}
      FROM orders WHERE tenant = {tenant:String} AND note != '{nor:String}' ORDER BY id`
    const { query, changed } = await put({
      name: 'scaled',
      sql,
      parameters: [{ name: 'factor', defaultValue: '2', description: 'times' }],
      cache: { ttlSeconds: 60, staleWhileRevalidateSeconds: 30, staleIfErrorSeconds: 600 },
      limit: { requests: 10, windowSeconds: 60, cost: 2 },
      description: 'Scaled amounts',
    })
    expect(changed).toBe(true)
    expect(query).toMatchObject({
      name: 'scaled',
      version: 1,
      sql,
      live: true,
      description: 'Scaled amounts',
      cache: { ttlSeconds: 60, staleWhileRevalidateSeconds: 30, staleIfErrorSeconds: 600 },
      limit: { requests: 10, windowSeconds: 60, cost: 2 },
      parameters: [
        { name: 'factor', type: 'Float64', defaultValue: '2', required: false, description: 'times' },
        { name: 'tenant', type: 'String', required: false },
      ],
      columns: [
        { name: 'id', type: 'UInt64' },
        { name: 'scaled', type: 'Float64' },
      ],
    })
    expect(await rows('scaled', { tenant: 'a' })).toEqual([
      { id: 1, scaled: 20 },
      { id: 3, scaled: 60 },
    ])
  })

  test.each(['version', 'timezone', 'int64', 'format'])('a parameter cannot be called %s', async (name) => {
    const failure = await failureOf(put({ name: 'reserved', sql: `SELECT {${name}:String} AS x` }))
    expect(failure).toMatchObject({ problem: 'query.parameter', errors: [{ pointer: name }] })
  })

  test('the same text and settings are the same version; another is a new one; the first text again is the first version', async () => {
    const first = await put({ name: 'versions', sql: 'SELECT 1 AS x' })
    const same = await put({ name: 'versions', sql: 'SELECT 1 AS x' })
    const other = await put({ name: 'versions', sql: 'SELECT 2 AS x' })
    const settings = await put({ name: 'versions', sql: 'SELECT 2 AS x', cache: { ttlSeconds: 5 } })
    const back = await put({ name: 'versions', sql: 'SELECT 1 AS x' })
    expect([first, same, other, settings, back].map(({ query, changed }) => [query?.version, changed])).toEqual([
      [1, true],
      [1, false],
      [2, true],
      [3, true],
      [1, true],
    ])
    expect(await rows('versions')).toEqual([{ x: 1 }])
    expect((await callQuery(fixture.service, analyst, 'versions', { version: 2 })).rows).toEqual([{ x: 2 }])
    expect((await callQuery(fixture.service, analyst, 'versions', { version: 2 })).version).toBe(2)
    expect((await failureOf(callQuery(fixture.service, analyst, 'versions', { version: 9 }))).problem).toBe(
      'resource.not_found',
    )
  })

  test('a dry run says what would change and changes nothing', async () => {
    const dry = await put({ name: 'dry', sql: 'SELECT 1 AS x', dryRun: true })
    expect([dry.changed, dry.query?.version]).toEqual([true, 1])
    expect((await failureOf(describeIt('dry'))).problem).toBe('resource.not_found')
    await put({ name: 'dry', sql: 'SELECT 1 AS x' })
    const again = await put({ name: 'dry', sql: 'SELECT 1 AS x', dryRun: true })
    expect([again.changed, again.query?.version]).toEqual([false, 1])
  })

  test('only over the version that it was made for', async () => {
    await put({ name: 'guarded', sql: 'SELECT 1 AS x' })
    expect((await failureOf(put({ name: 'guarded', sql: 'SELECT 2 AS x', ifVersion: 7 }))).problem).toBe(
      'request.precondition',
    )
    expect((await put({ name: 'guarded', sql: 'SELECT 2 AS x', ifVersion: 1 })).query?.version).toBe(2)
    expect((await failureOf(put({ name: 'absent', sql: 'SELECT 2 AS x', ifVersion: 1 }))).problem).toBe(
      'request.precondition',
    )
  })

  test('tells the edges', async () => {
    await put({ name: 'told', sql: 'SELECT 1 AS x' })
    await put({ name: 'told', sql: 'SELECT 1 AS x' })
    await unpublish('told')
    const told = await fixture.db.select().from(changes).where(eq(changes.name, 'told'))
    expect(told.map(({ kind, workspace }) => [kind, workspace])).toEqual([
      ['query', 'main'],
      ['query', 'main'],
    ])
  })

  test('shares one namespace with streams', async () => {
    await fixture.db.transaction((tx) => claimName(tx, 'main', 'orders', 'stream'))
    expect((await failureOf(put({ name: 'orders', sql: 'SELECT 1 AS x' }))).problem).toBe('resource.exists')
  })

  test.each<[string, PutInit, string]>([
    ['a name that is none', { name: 'Bad-Name', sql: 'SELECT 1' }, 'request.invalid'],
    ['a system’s name', { name: '_x', sql: 'SELECT 1' }, 'request.invalid'],
    ['what the gate refuses', { name: 'bad', sql: `SELECT file('/etc/hostname')` }, 'query.unknown_function'],
    ['an EXPLAIN', { name: 'bad', sql: 'EXPLAIN SELECT 1' }, 'query.not_allowed'],
    ['an unknown column', { name: 'bad', sql: 'SELECT nope FROM orders' }, 'query.unknown_column'],
    ['an unknown stream', { name: 'bad', sql: 'SELECT 1 FROM nope' }, 'query.unknown_table'],
    [
      'a parameter that the text lacks',
      { name: 'bad', sql: 'SELECT {a:UInt8}', parameters: [{ name: 'b' }] },
      'query.parameter',
    ],
    [
      'another type than the text’s',
      { name: 'bad', sql: 'SELECT {a:UInt8}', parameters: [{ name: 'a', type: 'String' }] },
      'query.parameter',
    ],
    [
      'a default that is none of the type',
      { name: 'bad', sql: 'SELECT {a:UInt8}', parameters: [{ name: 'a', defaultValue: '256' }] },
      'query.parameter',
    ],
    [
      'an enum value that is none of the type',
      { name: 'bad', sql: 'SELECT {a:UInt8}', parameters: [{ name: 'a', enumValues: ['x'] }] },
      'query.parameter',
    ],
    [
      'a default outside the enum',
      { name: 'bad', sql: 'SELECT {a:UInt8}', parameters: [{ name: 'a', enumValues: ['1'], defaultValue: '2' }] },
      'query.parameter',
    ],
    [
      'required with a default',
      { name: 'bad', sql: 'SELECT {a:UInt8}', parameters: [{ name: 'a', required: true, defaultValue: '2' }] },
      'query.parameter',
    ],
    ['one parameter with two types', { name: 'bad', sql: 'SELECT {a:UInt8}, {a:String}' }, 'query.parameter'],
    [
      'an optional parameter that it cannot do without',
      { name: 'bad', sql: 'SELECT id FROM orders LIMIT {n:UInt32}' },
      'query.parameter',
    ],
    ['a format that there is not', { name: 'bad', sql: 'SELECT 1 FORMAT Pretty' }, 'request.not_acceptable'],
  ])('refuses %s', async (_, request, problem) => {
    expect((await failureOf(put(request))).problem).toBe(problem)
    expect((await failureOf(describeIt('bad'))).problem).toBe('resource.not_found')
  })

  test('needs the scope', async () => {
    expect((await failureOf(put({ name: 'x', sql: 'SELECT 1' }, { scopes: ['sql:read'] }))).problem).toBe('auth.scope')
  })
})

describe('unpublishing', () => {
  test('ends the query, frees its name, and never gives a version’s number twice', async () => {
    await put({ name: 'gone', sql: 'SELECT 1 AS x' })
    await unpublish('gone')
    for (const work of [call('gone'), describeIt('gone'), describeIt('gone', 1), unpublish('gone')]) {
      expect((await failureOf(work)).problem).toBe('resource.not_found')
    }
    await fixture.db.transaction((tx) => claimName(tx, 'main', 'gone', 'stream'))
    expect((await failureOf(put({ name: 'gone', sql: 'SELECT 2 AS x' }))).problem).toBe('resource.exists')
    await put({ name: 'gone_too', sql: 'SELECT 1 AS x' })
    await unpublish('gone_too')
    expect((await put({ name: 'gone_too', sql: 'SELECT 2 AS x' })).query?.version).toBe(2)
    expect(await rows('gone_too')).toEqual([{ x: 2 }])
  })
})

describe('what is published', () => {
  test('is listed by name, a page at a time', async () => {
    const workspace = 'other'
    const who: Who = { ...analyst, workspace }
    for (const name of ['c', 'a', 'b']) await put({ name, sql: 'SELECT 1 AS x' }, who)
    await put({ name: 'b', sql: 'SELECT 2 AS x' }, who)
    const list = (cursor: string, limit = 2) =>
      fixture.service.listQueries(create(ListQueriesRequestSchema, { limit, cursor }), callBy(who))
    const first = await list('')
    const second = await list(first.nextCursor)
    expect([...first.queries, ...second.queries].map(({ name, version }) => `${name}${version}`)).toEqual([
      'a1',
      'b2',
      'c1',
    ])
    expect(second.nextCursor).toBe('')
    expect((await failureOf(list('nonsense!'))).problem).toBe('request.invalid')
    expect((await failureOf(list('', 1_001))).problem).toBe('request.invalid')
    const versions = await fixture.service.listQueryVersions(
      create(ListQueryVersionsRequestSchema, { name: 'b' }),
      callBy(who),
    )
    expect(versions.queries.map(({ version, live }) => [version, live])).toEqual([
      [2, true],
      [1, false],
    ])
  })

  test('is another workspace’s secret', async () => {
    await put({ name: 'mine', sql: 'SELECT 1 AS x' })
    const stranger: Who = { ...analyst, workspace: 'other' }
    for (const work of [call('mine', {}, stranger), describeIt('mine', 0, stranger), unpublish('mine', stranger)]) {
      expect((await failureOf(work)).problem).toBe('resource.not_found')
    }
  })

  test('is described to a caller without its text', async () => {
    await put({ name: 'shown', sql: 'SELECT {a:UInt8} AS x', parameters: [{ name: 'a', defaultValue: '1' }] })
    const seen = await describeIt('shown', 0, { scopes: ['endpoints:read:shown'] })
    expect([seen.sql, seen.parameters.length, seen.version]).toEqual(['', 1, 1])
    expect((await failureOf(describeIt('shown', 0, { scopes: ['endpoints:read:x'] }))).problem).toBe('auth.scope')
  })

  test('keeps its newest versions only', async () => {
    const service = fixture.withLimits({ maxVersions: 3 })
    for (let at = 1; at <= 6; at++) {
      await service.putQuery(create(PutQueryRequestSchema, { name: 'many', sql: `SELECT ${at} AS x` }), callBy(analyst))
    }
    const { queries } = await service.listQueryVersions(
      create(ListQueryVersionsRequestSchema, { name: 'many' }),
      callBy(analyst),
    )
    expect(queries.map(({ version }) => version)).toEqual([6, 5, 4])
  })
})

describe('parameters of a call', () => {
  beforeAll(async () => {
    await put({
      name: 'find',
      sql: `SELECT id FROM orders WHERE ({tenant:String} IS NULL OR tenant = {tenant:String})
        AND (empty({ids:Array(UInt64)}) OR id IN {ids:Array(UInt64)}) AND amount >= {least:Float64} ORDER BY id`,
      parameters: [
        { name: 'tenant', enumValues: ['a', 'b', 'c'] },
        { name: 'least', defaultValue: '0' },
      ],
    })
    await put({ name: 'must', sql: 'SELECT {n:UInt8} AS n', parameters: [{ name: 'n', required: true }] })
    await put({
      name: 'echo',
      sql: `SELECT {s:String} AS s, {i:Int64} AS i, {u:UInt64} AS u, {f:Float64} AS f, {b:Bool} AS b, {d:Date} AS d,
        {t:DateTime64(3)} AS t, {l:LowCardinality(String)} AS l, {n:Nullable(Int8)} AS n, {as:Array(String)} AS as,
        {au:Array(UInt64)} AS au, {m:Decimal(10, 2)} AS m, {id:UUID} AS id, {e:Enum8('x' = 1, 'y' = 2)} AS e, {ip:IPv4} AS ip`,
    })
  })

  test.each<[Record<string, string>, number[]]>([
    [{}, [1, 2, 3, 4]],
    [{ tenant: 'a' }, [1, 3]],
    [{ ids: '[1, 2]' }, [1, 2]],
    [{ ids: '1,4' }, [1, 4]],
    [{ ids: '' }, [1, 2, 3, 4]],
    [{ ids: '[]', least: '25' }, [3, 4]],
    [{ tenant: 'a', least: '1e1', ids: '["3"]' }, [3]],
  ])('%j', async (params, expected) => {
    expect((await rows('find', params)).map((row) => row['id'])).toEqual(expected)
  })

  test('absent optional ones are NULL, of whatever type', async () => {
    const [row] = await rows('echo')
    const { as: strings, au: numbers, ...others } = row ?? {}
    expect([strings, numbers]).toEqual([[], []])
    expect([...new Set(Object.values(others))]).toEqual([null])
  })

  test('values come out as they went in', async () => {
    const odd = `q'u"o\\te\n\ttab {x:String} 😀 \\N`
    const values = {
      s: odd,
      i: '-9223372036854775808',
      u: '18446744073709551615',
      f: '0.1',
      b: 'true',
      d: '2026-02-28',
      t: '2026-01-01T01:00:00.5+01:00',
      l: odd,
      n: '-1',
      as: JSON.stringify([odd, '', ',', "'", '[']),
      au: '[18446744073709551615,1]',
      m: '12.30',
      id: '61f0c404-5cb3-11e7-907b-a6006ad3dba0',
      e: 'y',
      ip: '10.0.0.1',
    }
    const [row] = (await callQuery(fixture.service, analyst, 'echo', { params: values, int64AsString: true })).rows
    expect(row).toEqual({
      ...values,
      f: 0.1,
      b: true,
      t: '2026-01-01T00:00:00.500Z',
      n: -1,
      as: JSON.parse(values.as) as unknown,
      au: ['18446744073709551615', '1'],
    })
  })

  test.each<[string, Record<string, string>, string, string]>([
    ['find', { tenent: 'a' }, 'request.unknown_parameter', 'tenent'],
    ['find', { tenant: 'z' }, 'query.parameter', 'tenant'],
    ['find', { least: 'much' }, 'query.parameter', 'least'],
    ['find', { ids: '[1' }, 'query.parameter', 'ids'],
    ['find', { ids: '1,x' }, 'query.parameter', 'ids'],
    ['find', { ids: '[[1]]' }, 'query.parameter', 'ids'],
    ['find', { ids: '-1' }, 'query.parameter', 'ids'],
    ['must', {}, 'request.missing_parameter', 'n'],
    ['must', { n: '256' }, 'query.parameter', 'n'],
    ['must', { n: '1; DROP' }, 'query.parameter', 'n'],
    ['must', { n: '' }, 'query.parameter', 'n'],
    ['echo', { d: '2026-02-30' }, 'query.parameter', 'd'],
    ['echo', { t: 'yesterday' }, 'query.parameter', 't'],
    ['echo', { b: 'maybe' }, 'query.parameter', 'b'],
    ['echo', { e: 'z' }, 'query.parameter', 'e'],
    ['echo', { id: 'x' }, 'query.parameter', 'id'],
    ['echo', { ip: '10.0.0.256' }, 'query.parameter', 'ip'],
    ['echo', { m: '1e5' }, 'query.parameter', 'm'],
    ['echo', { i: '9223372036854775808' }, 'query.parameter', 'i'],
  ])('%s with %j is %s', async (name, params, problem, pointer) => {
    const failure = await failureOf(call(name, params))
    expect([failure.problem, failure.errors[0]?.pointer]).toEqual([problem, pointer])
  })

  test('a mistyped name is answered with the right one, a wrong value with the type', async () => {
    expect((await failureOf(call('find', { tenent: 'a' }))).hint).toBe('Did you mean `tenant`?')
    expect((await failureOf(call('must', { n: 'x' }))).message).toContain('UInt8')
  })

  test('those that a key binds hold, and cannot be given', async () => {
    const bound: Who = { scopes: ['endpoints:read'], params: { tenant: 'b' } }
    expect(await rows('find', {}, bound)).toEqual([{ id: 2 }])
    for (const tenant of ['a', 'b', '']) {
      expect((await failureOf(call('find', { tenant }, bound))).problem).toBe('auth.bound_parameter')
    }
    const wrong: Who = { scopes: ['endpoints:read'], params: { tenant: 'nobody' } }
    expect((await failureOf(call('find', {}, wrong))).problem).toBe('query.parameter')
  })

  test.each([{ unrelated: 'x' }, { tenant: 'b', unrelated: 'x' }, { Tenant: 'b' }])(
    'a query that does not take one that a key binds is not answered: %j',
    async (params) => {
      const failure = await failureOf(call('find', {}, { scopes: ['endpoints:read'], params }))
      expect([failure.problem, failure.status]).toEqual(['auth.bound_parameter', 403])
      expect(failure.message).toMatch(
        /^The key binds the parameter `(unrelated|Tenant)`, which the query does not take/,
      )
    },
  )

  test('cannot have the one name that an object of JavaScript has for itself', async () => {
    const failure = await failureOf(put({ name: 'proto', sql: 'SELECT {__proto__:String} AS x' }))
    expect(failure.problem).toBe('query.parameter')
  })

  test('too much of them is refused', async () => {
    const failure = await failureOf(call('echo', { s: 'x'.repeat(20_000) }))
    expect(failure.problem).toBe('request.too_large')
  })
})

describe('a published query is called with the rows of the caller', () => {
  beforeAll(async () => {
    await put({
      name: 'all_orders',
      sql: 'SELECT id, (SELECT count() FROM customers) AS c FROM orders ORDER BY id FORMAT JSONEachRow',
    })
    await put({ name: 'hushed', sql: 'SELECT * FROM secret' })
    await put({ name: 'fast', sql: 'SELECT id FROM orders PREWHERE id > 0' })
  })

  test('not of who published it', async () => {
    expect((await rows('all_orders')).length).toBe(4)
    expect(await rows('all_orders', {}, tenantA)).toEqual([
      { id: 1, c: 1 },
      { id: 3, c: 1 },
    ])
  })

  test('and where the caller has no filter for a stream, there is none', async () => {
    expect((await failureOf(call('hushed', {}, tenantA))).problem).toBe('query.unknown_table')
    expect((await failureOf(call('fast', {}, tenantA))).problem).toBe('query.not_allowed')
  })

  test('and only with the scope for its name', async () => {
    expect(await rows('all_orders', {}, { scopes: ['endpoints:read:all_orders'] })).toHaveLength(4)
    expect((await failureOf(call('all_orders', {}, { scopes: ['endpoints:read:hushed'] }))).problem).toBe('auth.scope')
    expect((await failureOf(call('all_orders', {}, { scopes: ['sql:read'] }))).problem).toBe('auth.scope')
  })

  test('in any format', async () => {
    for (const format of [Format.JSON, Format.CSV, Format.PARQUET, Format.ARROW]) {
      const answer = await callQuery(fixture.service, analyst, 'fast', { format })
      expect(answer.bytes.length).toBeGreaterThan(10)
    }
  })
})
