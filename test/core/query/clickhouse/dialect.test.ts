import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClickHouse } from '#proto/edgewise/query/v1/query_pb.ts'
import { analyst, failureOf, sql, startQuery, tenantA, type Fixture, type Who } from '../fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

function asked(more: Partial<ClickHouse> = {}) {
  const clickhouse: ClickHouse = {
    $typeName: 'edgewise.query.v1.ClickHouse',
    format: 'JSONEachRow',
    settings: {},
    database: '',
    ...more,
  }
  return { clickhouse }
}

const ask = (who: Who, text: string, more: Partial<ClickHouse> = {}) => sql(fixture.service, who, text, asked(more))
const lines = async (who: Who, text: string) =>
  (await ask(who, text)).text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('the catalogue', () => {
  test('has the streams of the workspace, and no column that is hidden', async () => {
    const names = (await lines(analyst, 'SELECT name FROM system.tables ORDER BY name')).map(({ name }) => name)
    expect(names).toContain('orders')
    expect(names).not.toContain('t')
    expect(
      new Set((await lines(analyst, 'SELECT database FROM system.columns')).map(({ database }) => database)),
    ).toEqual(new Set(['main']))
    const columns = (await lines(analyst, "SELECT name FROM system.columns WHERE table = 'orders'")).map(
      ({ name }) => name,
    )
    expect(columns).toContain('id')
    expect(columns).not.toContain('_offset')
  })

  test('has only the streams that there are for a credential with row filters', async () => {
    for (const text of [
      'SELECT name FROM system.tables ORDER BY name',
      'SELECT DISTINCT table AS name FROM system.columns ORDER BY name',
      'SELECT table_name AS name FROM information_schema.tables ORDER BY name',
      'SELECT DISTINCT TABLE_NAME AS name FROM INFORMATION_SCHEMA.COLUMNS ORDER BY name',
      'SHOW TABLES',
    ]) {
      expect(await lines(tenantA, text)).toEqual([{ name: 'customers' }, { name: 'orders' }])
    }
    const [row] = await lines(tenantA, "SELECT total_rows, total_bytes FROM system.tables WHERE name = 'orders'")
    expect(row).toEqual({ total_rows: null, total_bytes: null })
  })

  test.each([
    'SELECT t.name FROM system.tables AS t JOIN system.columns AS c ON t.name = c.table',
    'SELECT tables.name FROM system.tables, system.one',
    'SELECT system.tables.name FROM system.tables',
    'SELECT system.tables.name, t.engine FROM system.tables AS t',
    'SELECT name FROM (SELECT name FROM system.tables)',
    'WITH a AS (SELECT name FROM system.tables) SELECT name FROM a',
    'SELECT 1 AS one WHERE 1 IN (SELECT count() > 0 FROM system.tables)',
    'SELECT * FROM system.functions LIMIT 1',
    'SELECT * FROM system.settings LIMIT 1',
    'SELECT * FROM information_schema.schemata',
    'EXPLAIN SELECT * FROM system.tables',
  ])('can stand wherever a table can: %s', async (text) => {
    expect((await ask(analyst, text)).bytes.length).toBeGreaterThan(0)
  })

  test.each([
    'SELECT * FROM system.parts',
    'SELECT * FROM system.query_log',
    'SELECT * FROM system.users',
    'SELECT * FROM other.t',
    'SELECT 1 IN system.tables',
    'SELECT * FROM _clickhouse_system_columns_',
    'SHOW TABLES FROM other',
    'DESCRIBE TABLE other.t',
    'DESCRIBE TABLE missing',
    'SHOW CREATE TABLE orders',
    'SHOW PROCESSLIST',
    'SHOW TABLES WHERE name = 1',
    'USE other',
    'SET max_threads = 1',
    'SYSTEM SHUTDOWN',
    'DROP TABLE orders',
    'INSERT INTO orders SELECT * FROM orders',
    'CREATE MODEL m FROM (SELECT id FROM orders) PREDICT id',
    'KILL QUERY WHERE 1',
    "SELECT * FROM cluster('default', system.tables)",
    "SELECT * FROM merge('main', '.*')",
    'SELECT 1 SETTINGS max_threads = 1',
  ])('and nothing else can: %s', async (text) => {
    expect((await failureOf(ask(analyst, text))).problem).toMatch(/^query\.(?:not_allowed|unknown_table|syntax)$/)
  })

  test('is not the public API’s', async () => {
    expect(await failureOf(sql(fixture.service, analyst, 'SELECT * FROM system.tables'))).toMatchObject({
      problem: 'query.not_allowed',
    })
    expect(await failureOf(sql(fixture.service, analyst, 'SELECT version()'))).toMatchObject({
      problem: 'query.unknown_function',
    })
  })
})

describe('a text', () => {
  test.each([
    ['SELECT currentDatabase() AS v', 'main'],
    ["SELECT concat(currentDatabase(), '!') AS v", 'main!'],
    ['SELECT user() AS v', 'key_test'],
    ["SELECT 'version()' AS v", 'version()'],
    ['SELECT count() > 0 AS v FROM default.orders', 1],
    ['SELECT max(main.orders.id) > 0 AS v FROM main.orders', 1],
    ['SELECT max(main.orders.id) > 0 AS v FROM main.orders AS o', 1],
    ['SELECT max(o.id) > 0 AS v FROM `main`.`orders` AS o', 1],
    ['SELECT max(main.id) > 0 AS v FROM orders AS main', 1],
    ['WITH main AS (SELECT 5 AS x) SELECT main.x AS v FROM main', 5],
    ['EXISTS TABLE orders FORMAT JSONEachRow', undefined],
  ])('is read as it is meant: %s', async (text, v) => {
    const [row] = await lines(analyst, text)
    expect(v === undefined ? row : row?.['v']).toEqual(v ?? { result: 1 })
  })

  test('sees the rows of its credential, however it names them', async () => {
    const plain = await lines(tenantA, 'SELECT id FROM orders ORDER BY id')
    for (const name of ['main.orders', 'default.orders', '`main`.`orders`']) {
      expect(await lines(tenantA, `SELECT id FROM ${name} ORDER BY id`)).toEqual(plain)
    }
    expect((await sql(fixture.service, tenantA, 'SELECT id FROM orders ORDER BY id')).rows).toEqual(plain)
  })

  test('of another database is refused before it is read', async () => {
    expect(await failureOf(ask(analyst, 'SELECT 1', { database: 'other' }))).toMatchObject({
      problem: 'query.unknown_table',
    })
    expect((await ask(analyst, 'SELECT 1 AS one', { database: 'default' })).text).toBe('{"one":1}\n')
  })

  test('of a credential that may not run SQL is refused', async () => {
    expect(await failureOf(ask({ scopes: ['endpoints:read'] }, 'SHOW TABLES'))).toMatchObject({ problem: 'auth.scope' })
  })
})

describe('an answer', () => {
  test.each([
    ['TabSeparated', '1\ta\n'],
    ['', '1\ta\n'],
    ['tsvwithnamesandtypes', 'a\tb\nUInt8\tString\n1\ta\n'],
    ['CSV', '1,"a"\n'],
    ['JSONCompactEachRow', '[1, "a"]\n'],
    ['Values', "(1,'a')"],
    ['RowBinary', '\u0001\u0001a'],
    ['Native', '\u0002\u0001\u0001a\u0005UInt8\u0001\u0001b\u0006String\u0001a'],
  ])('is in the format %s', async (format, wanted) => {
    expect((await ask(analyst, "SELECT 1 AS a, 'a' AS b", { format })).text).toBe(wanted)
  })

  test.each([
    ['Parquet', 'PAR1'],
    ['Arrow', 'ARROW1'],
  ])('may be %s', async (format, begin) => {
    expect((await ask(analyst, 'SELECT 1 AS a', { format })).text.startsWith(begin)).toBe(true)
  })

  test('writes values as ClickHouse does', async () => {
    const text = "SELECT toDateTime64('2026-01-02 03:04:05', 3) AS t, toDecimal64('1.50', 2) AS d, NULL AS n"
    expect((await ask(analyst, text, { format: 'TabSeparated' })).text).toBe('2026-01-02 03:04:05.000\t1.5\t\\N\n')
    expect(await lines(analyst, text)).toEqual([{ t: '2026-01-02 03:04:05.000', d: 1.5, n: null }])
  })

  test.each(['Template', 'Protobuf', 'CapnProto', 'MySQLWire', 'Regexp', 'Nope', 'Form'])(
    'cannot be %s',
    async (format) => {
      const refused = { problem: 'request.not_acceptable' }
      expect(await failureOf(ask(analyst, 'SELECT 1', { format }))).toMatchObject(refused)
      expect(await failureOf(ask(analyst, `SELECT 1 FORMAT ${format}`))).toMatchObject(refused)
    },
  )

  test('that fails has ClickHouse’s own name of it, but for a credential with row filters', async () => {
    const text = 'SELECT toUInt8(1, 2, 3, 4)'
    const failure = await failureOf(ask(analyst, text))
    expect(failure.errors).toContainEqual({ pointer: 'clickhouse', reason: '42 NUMBER_OF_ARGUMENTS_DOESNT_MATCH' })
    expect((await failureOf(ask(tenantA, text))).errors.some(({ pointer }) => pointer === 'clickhouse')).toBe(false)
    const other = await failureOf(sql(fixture.service, analyst, text))
    expect(other.errors.some(({ pointer }) => pointer === 'clickhouse')).toBe(false)
  })
})
