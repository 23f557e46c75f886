import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Format } from '../../../proto/gen/edgewise/query/v1/query_pb.ts'
import { callBy } from '../../support/call.ts'
import { analyst, callQuery, failureOf, sql, startQuery, tenantA, type Fixture, type Who } from './fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

const run = (text: string, more: Parameters<typeof sql>[3] = {}, who: Who = analyst) =>
  sql(fixture.service, who, text, more)

describe('formats', () => {
  test('JSON has meta, data, rows and statistics', async () => {
    const answer = await run('SELECT id, tenant FROM orders ORDER BY id LIMIT 2', { format: Format.JSON })
    expect(answer.contentType).toBe('application/json')
    expect(JSON.parse(answer.text)).toEqual({
      meta: [
        { name: 'id', type: 'UInt64' },
        { name: 'tenant', type: 'String' },
      ],
      data: [
        { id: 1, tenant: 'a' },
        { id: 2, tenant: 'b' },
      ],
      rows: 2,
      rows_before_limit_at_least: 4,
      statistics: { elapsed: expect.any(Number) as number, rows_read: 4, bytes_read: expect.any(Number) as number },
    })
  })

  test('JSON is what no format means', async () => {
    expect((await run('SELECT 1', { format: Format.UNSPECIFIED })).contentType).toBe('application/json')
  })

  test('NDJSON is an object a line, CSV has a header', async () => {
    expect((await run('SELECT number AS n FROM numbers(2)')).text).toBe('{"n":0}\n{"n":1}\n')
    const csv = await run(`SELECT 1 AS a, 'x,"y"' AS b, NULL AS c`, { format: Format.CSV })
    expect([csv.contentType.split(';')[0], csv.text]).toEqual(['text/csv', '"a","b","c"\n1,"x,""y""",\n'])
  })

  test('Parquet and Arrow are whole files', async () => {
    const parquet = await run('SELECT * FROM numbers(1000)', { format: Format.PARQUET })
    expect([parquet.bytes.subarray(0, 4).toString(), parquet.bytes.subarray(-4).toString()]).toEqual(['PAR1', 'PAR1'])
    const arrow = await run('SELECT * FROM numbers(1000)', { format: Format.ARROW })
    // A continuation marker first (https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format).
    expect(arrow.bytes.subarray(0, 4).toString('hex')).toBe('ffffffff')
    expect(arrow.contentType).toBe('application/vnd.apache.arrow.stream')
  })

  test.each([
    ['FORMAT JSONEachRow', 'application/x-ndjson'],
    ['FORMAT NDJSON', 'application/x-ndjson'],
    ['FORMAT CSV', 'text/csv; charset=utf-8; header=present'],
    ['FORMAT JSON;', 'application/json'],
    ['format Parquet -- trailing', 'application/vnd.apache.parquet'],
  ])('a trailing %s counts before the request’s', async (trailing, contentType) => {
    expect((await run(`SELECT 1 ${trailing}`, { format: Format.ARROW })).contentType).toBe(contentType)
  })

  test('another FORMAT is refused', async () => {
    for (const name of ['Pretty', 'Template', 'Protobuf', 'Null', 'XML']) {
      expect((await failureOf(run(`SELECT 1 FORMAT ${name}`))).problem).toBe('request.not_acceptable')
    }
  })

  test('EXPLAIN answers lines', async () => {
    const { text } = await run('EXPLAIN SELECT id FROM orders WHERE id = 1 FORMAT JSON')
    expect(JSON.parse(text)).toHaveProperty('meta.0.name', 'explain')
  })
})

describe('values', () => {
  test('64-bit integers are numbers, or texts where that is asked for', async () => {
    const text = 'SELECT 18446744073709551615 AS u, -9223372036854775808 AS i'
    expect((await run(text)).text).toBe('{"u":18446744073709551615,"i":-9223372036854775808}\n')
    expect((await run(text, { int64AsString: true })).rows).toEqual([
      { u: '18446744073709551615', i: '-9223372036854775808' },
    ])
  })

  test('decimals are texts, NaN and infinities null', async () => {
    const text = `SELECT toDecimal64('12.30', 2) AS d, nan AS a, inf AS b, -inf AS c, [nan] AS e`
    expect((await run(text)).rows).toEqual([{ d: '12.30', a: null, b: null, c: null, e: [null] }])
  })

  test('times are ISO in UTC, whatever zone buckets them', async () => {
    const text = `SELECT toDateTime64('2026-06-30 22:30:00', 3, 'UTC') AS t, toStartOfDay(toDateTime(t)) AS day, toDate(t) AS d`
    expect((await run(text)).rows).toEqual([
      { t: '2026-06-30T22:30:00.000Z', day: '2026-06-30T00:00:00Z', d: '2026-06-30' },
    ])
    const berlin = `SELECT toStartOfDay(at) AS day FROM orders WHERE id = 1`
    expect((await run(berlin, { timezone: 'Europe/Berlin' })).rows).toEqual([{ day: '2025-12-31T23:00:00Z' }])
    expect((await run(berlin)).rows).toEqual([{ day: '2026-01-01T00:00:00Z' }])
  })

  test('a time zone that there is not is refused', async () => {
    for (const timezone of ['Europe/Nowhere', "UTC'", '../etc/passwd']) {
      const failure = await failureOf(run('SELECT 1', { timezone }))
      expect([failure.problem, failure.errors[0]?.pointer]).toEqual(['request.invalid', 'timezone'])
    }
  })

  test('texts that are not UTF-8 make valid JSON', async () => {
    expect((await run(`SELECT unhex('ff41') AS x`)).rows).toEqual([{ x: '\uFFFDA' }])
  })
})

describe('errors', () => {
  test.each<[string, string, { line?: number; column?: number }, RegExp]>([
    ['SELEC 1', 'query.syntax', { line: 1, column: 1 }, /SELEC/],
    ['SELECT 1 +', 'query.syntax', { line: 1, column: 11 }, /end of query/],
    ['SELECT\n  1,\n  FROM x y z', 'query.syntax', { line: 3, column: 12 }, /unexpected \(z\)/],
    ["SELECT '😀é', ) 1", 'query.syntax', { line: 1, column: 14 }, /\)/],
    ["SELECT 'open", 'query.syntax', { line: 1, column: 8 }, /not closed/],
    ['SELECT amunt FROM orders', 'query.unknown_column', { line: 1, column: 8 }, /`amunt`/],
    ['SELECT o.amunt\nFROM orders AS o', 'query.unknown_column', { line: 1, column: 8 }, /amunt/],
    ['SELECT 1\nFROM ordres', 'query.unknown_table', { line: 2, column: 6 }, /`ordres`/],
    ['SELECT cuont() FROM orders', 'query.unknown_function', {}, /`cuont`/],
    [`SELECT toUInt8('x')`, 'query.failed', {}, /parse/i],
    ['SELECT id + tenant FROM orders', 'query.failed', {}, /type/i],
    ['SELECT tenant, count() FROM orders', 'query.failed', {}, /GROUP BY/],
  ])('%s is %s', async (text, problem, place, words) => {
    const failure = await failureOf(run(text))
    expect(failure.problem).toBe(problem)
    expect(failure.message).toMatch(words)
    expect(failure.errors[0] ?? {}).toMatchObject(place)
    expect(`${failure.message} ${failure.hint}`).not.toMatch(
      /main\.|DB::|__table|version \d|While |while |In scope|formatQuery|system\.|Code: \d|_partition|_offset/,
    )
  })

  test.each([
    ['SELECT amunt FROM orders', 'Did you mean `amount`?'],
    ['SELECT 1 FROM ordres', 'Did you mean `orders`?'],
  ])('%s: %s', async (text, hint) => {
    expect((await failureOf(run(text))).hint).toBe(hint)
  })

  test('a did-you-mean names nothing that a filtered actor cannot see', async () => {
    const failure = await failureOf(run('SELECT 1 FROM secrt', {}, tenantA))
    expect(`${failure.message} ${failure.hint}`).not.toContain('secret')
    expect((await failureOf(run('SELECT 1 FROM ordrs', {}, tenantA))).hint).toBe('Did you mean `orders`?')
  })
})

describe('limits', () => {
  const limited = (limits: Parameters<Fixture['withLimits']>[0], text: string, timeoutMs?: number) =>
    failureOf(sql(fixture.withLimits(limits), analyst, text, timeoutMs === undefined ? {} : { timeoutMs }))

  test('time', async () => {
    const started = performance.now()
    const slow = 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)'
    expect((await limited({ maxSeconds: 0.3, maxRowsRead: 1e15 }, slow)).problem).toBe('query.timeout')
    expect(['query.timeout', 'limit.deadline', 'request.cancelled']).toContain(
      (await limited({ maxRowsRead: 1e15 }, slow, 400)).problem,
    )
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  test('a cross join of everything ends, and others are answered meanwhile', async () => {
    const all = Array.from({ length: 9 }, (_, at) => `numbers(1000000) AS n${at}`).join(', ')
    const [failure, other] = await Promise.all([
      limited({ maxSeconds: 1 }, `SELECT count(), sum(sipHash64(n1.number + n2.number + n3.number)) FROM ${all}`),
      run('SELECT count() AS n FROM orders'),
    ])
    expect(['query.timeout', 'query.too_expensive']).toContain(failure.problem)
    expect(other.rows).toEqual([{ n: 4 }])
  })

  test('rows and bytes read', async () => {
    expect((await limited({ maxRowsRead: 3 }, 'SELECT sum(amount) FROM orders')).problem).toBe('query.too_expensive')
    expect((await limited({ maxBytesRead: 10 }, 'SELECT note FROM orders')).problem).toBe('query.too_expensive')
  })

  test('rows and bytes of the result', async () => {
    expect((await limited({ maxResultRows: 10 }, 'SELECT * FROM numbers(100000)')).problem).toBe(
      'query.result_too_large',
    )
    expect((await limited({ maxResultBytes: 1000 }, 'SELECT * FROM numbers(100000)')).problem).toBe(
      'query.result_too_large',
    )
  })

  test('memory', async () => {
    const failure = await limited({ maxMemoryBytes: 20 * 1024 ** 2 }, 'SELECT uniqExact(number) FROM numbers(10000000)')
    expect(failure.problem).toBe('query.too_expensive')
  })

  test('length, parameters and common table expressions', async () => {
    expect((await limited({ maxSqlBytes: 100 }, `SELECT '${'é'.repeat(50)}'`)).problem).toBe('request.too_large')
    expect((await limited({ maxParameters: 1 }, 'SELECT {a:UInt8}, {b:UInt8}')).problem).toBe('query.not_allowed')
    expect((await limited({ maxCommonTables: 1 }, 'WITH a AS (SELECT 1), b AS (SELECT 2) SELECT 1')).problem).toBe(
      'query.not_allowed',
    )
  })

  test('queries at once, and a queue that is short', async () => {
    const service = fixture.withLimits({
      maxRunning: 1,
      maxRunningOfWorkspace: 1,
      maxWaitingOfWorkspace: 1,
      maxWaitMs: 200,
      maxRowsRead: 1e15,
      maxSeconds: 2,
    })
    const slow = 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)'
    const outcomes = await Promise.all(
      [slow, 'SELECT 1', 'SELECT 2'].map(async (text, at) => {
        await new Promise((resolve) => setTimeout(resolve, at * 50))
        return sql(service, analyst, text).then(
          () => 'answered',
          (thrown: { problem: string }) => thrown.problem,
        )
      }),
    )
    expect(outcomes).toEqual(['query.timeout', 'limit.concurrency', 'limit.concurrency'])
    expect((await sql(service, analyst, 'SELECT 1 AS x')).rows).toEqual([{ x: 1 }])
  })

  test('a place is given back by a caller who goes away in the middle', async () => {
    const service = fixture.withLimits({ maxRunning: 1, maxRunningOfWorkspace: 1, maxWaitMs: 2_000 })
    for (let at = 0; at < 3; at++) {
      const request = {
        sql: 'SELECT * FROM numbers(3000000)',
        params: {},
        format: Format.CSV,
        timezone: '',
        int64AsString: false,
      }
      const chunks = service.runSql({ $typeName: 'edgewise.query.v1.RunSqlRequest', ...request }, callBy(analyst))
      for await (const { piece } of chunks) if (piece.case === 'body') break
    }
    expect((await sql(service, analyst, 'SELECT 1 AS x')).rows).toEqual([{ x: 1 }])
  })
})

describe('who may run SQL', () => {
  test('needs the scope', async () => {
    expect((await failureOf(run('SELECT 1', {}, { scopes: ['endpoints:read'] }))).problem).toBe('auth.scope')
  })

  test('not a key with bound parameters and no filters', async () => {
    expect((await failureOf(run('SELECT 1', {}, { ...analyst, params: { tenant: 'a' } }))).problem).toBe('auth.scope')
    expect((await run('SELECT 1 AS x', {}, { ...tenantA, params: { tenant: 'a' } })).rows).toEqual([{ x: 1 }])
  })

  test('parameters of one’s own SQL must be given', async () => {
    expect((await run('SELECT {x:UInt8} + 1 AS y', { params: { x: '1' } })).rows).toEqual([{ y: 2 }])
    const failure = await failureOf(run('SELECT {x:UInt8} + 1 AS y'))
    expect([failure.problem, failure.errors[0]?.pointer]).toEqual(['request.missing_parameter', 'x'])
    expect((await failureOf(run('SELECT 1', { params: { x: '1' } }))).problem).toBe('request.unknown_parameter')
  })
})

test('slow queries are logged by name, without values', async () => {
  const service = fixture.withLimits({ slowMs: 0 })
  await service.putQuery(
    {
      $typeName: 'edgewise.query.v1.PutQueryRequest',
      name: 'slow',
      sql: 'SELECT count() AS n FROM orders WHERE tenant = {t:String}',
      parameters: [],
      description: '',
      ifVersion: 0,
      dryRun: false,
    },
    callBy(analyst),
  )
  await callQuery(service, analyst, 'slow', { params: { t: 'sesame' } })
  const line = fixture.lines.findLast(({ query }) => query === 'slow')
  expect(line).toMatchObject({ level: 40, workspace: 'main', query: 'slow', version: 1, complete: true })
  expect(JSON.stringify(fixture.lines)).not.toContain('sesame')
})
