import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, newKey, rows } from '../e2e/ask.ts'
import { program, tool } from '../support/optional.ts'
import { type Product, startProduct } from '../support/product.ts'

const python = program('python-with-clickhouse-connect')
const jdbc = tool('clickhouse-jdbc-0.9.4')
const java = fileURLToPath(new URL('./ClickHouseJdbc.java', import.meta.url))
const script = fileURLToPath(new URL('./clickhouse.py', import.meta.url))
const all = Array.from({ length: 1_000 }, (_, n) => ({
  time: new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString(),
  customer: `c${n % 7}`,
  email: `p${n}@example.com`,
  n,
}))

let product: Product
/** Sees rows of two customers only, and another key that sees no personal data. */
let filtered: string
let viewer: string
/** Of another workspace, which has a stream of the same name. */
let stranger: string

beforeAll(async () => {
  product = await startProduct()
  const columns = [
    { name: 'time', type: 'DateTime64(3)' },
    { name: 'customer', type: 'String' },
    { name: 'email', type: 'String', pii: true },
    { name: 'n', type: 'UInt64' },
  ]
  await must(product, '/v1/streams/orders', { method: 'PUT', json: { columns } })
  await must(product, '/v1/streams/hidden', { method: 'PUT', json: { columns } })
  await must(product, '/v1/events/orders?wait=true', { body: all.map((row) => JSON.stringify(row)).join('\n') })
  const filters = { orders: { customer: ['c1', 'c2'] } }
  filtered = (await newKey(product, { scopes: ['sql:read', 'pii:read'], filters })).key
  viewer = (await newKey(product, { scopes: ['sql:read'] })).key
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'elsewhere' } })
  stranger = made.json.key.key
  await must(product, '/v1/events/orders?wait=true', { key: stranger, body: '{"secret":1}' })
}, 90_000)
afterAll(() => product?.stop())

const clients: ClickHouseClient[] = []
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
})

function connect(password = product.key, more: Parameters<typeof createClient>[0] = {}): ClickHouseClient {
  const client = createClient({
    url: product.url,
    pathname: '/clickhouse',
    username: 'default',
    password,
    log: { level: ClickHouseLogLevel.OFF },
    ...more,
  })
  clients.push(client)
  return client
}

async function read<T>(client: ClickHouseClient, query: string, query_params = {}): Promise<readonly T[]> {
  return (await client.query({ query, query_params, format: 'JSONEachRow' })).json<T>()
}

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )

describe('@clickhouse/client, as it comes', () => {
  test('answers to ping, with and without its credential', async () => {
    expect(await connect().ping()).toEqual({ success: true })
    expect(await connect().ping({ select: true })).toEqual({ success: true })
    expect(await connect('ew_nonsense').ping({ select: true })).toMatchObject({ success: false })
  })

  test('reads JSON with its meta and statistics', async () => {
    const result = await connect().query({ query: 'SELECT n, time FROM orders ORDER BY n LIMIT 1', query_id: 'mine' })
    expect(result.query_id).toBe('mine')
    expect(await result.json()).toMatchObject({
      meta: [
        { name: 'n', type: 'UInt64' },
        { name: 'time', type: 'DateTime64(3)' },
      ],
      data: [{ n: 0, time: '2026-01-01 00:00:00.000' }],
      rows: 1,
    })
  })

  test('streams rows, compressed and not', async () => {
    for (const response of [false, true]) {
      const client = connect(product.key, { compression: { response } })
      const result = await client.query({
        query: 'SELECT number, repeat(toString(number), 20) AS text FROM numbers(200000)',
        format: 'JSONEachRow',
      })
      let sum = 0
      for await (const batch of result.stream<{ number: number }>()) for (const row of batch) sum += row.json().number
      expect(sum).toBe((199_999 * 200_000) / 2)
    }
  })

  test.each([
    ['UInt64', 18_446_744_073_709_551_615n, '18446744073709551615'],
    ['String', "it's a \\ tab\tand\nmore", "it's a \\ tab\tand\nmore"],
    ['Array(String)', ["o'ne", 'tw,o', '[3]'], '["o\'ne","tw,o","[3]"]'],
    ['Array(UInt8)', [1, 2], '[1,2]'],
    ['Array(String)', [], '[]'],
    ['Nullable(String)', null, null],
    ['DateTime64(3)', new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678)), '"2026-01-02 03:04:05.678"'],
    ['Bool', true, 'true'],
    ['Float64', 1.5, '1.5'],
  ])('sends a parameter of %s: %s', async (type, value, wanted) => {
    const query = `SELECT toJSONString({v:${type}}) AS v`
    const [row] = await read<{ v: string }>(connect(), query, { v: value })
    expect(type === 'String' ? JSON.parse(row?.v ?? '') : row?.v).toBe(wanted)
  })

  test('reads what exec answers, in any format', async () => {
    const { stream, summary } = await connect().exec({ query: 'SELECT count() FROM orders FORMAT TabSeparated' })
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    expect(text).toBe('1000\n')
    expect(summary).toMatchObject({ result_rows: '1' })
  })

  test('knows the class and number of what went wrong', async () => {
    const client = connect()
    const failures = await Promise.all(
      [
        'SELECT * FROM missing',
        'SELECT missing FROM orders',
        'SELEC 1',
        'SELECT missing(1)',
        'SELECT toUInt8(n, n, n, n) FROM orders',
        'SELECT 1 FORMAT Missing',
        "SELECT * FROM url('http://127.0.0.1/', CSV)",
        'INSERT INTO orders (n) VALUES (1)',
        'SELECT {v:UInt8}',
        'SELECT sleep(1)',
        'SELECT intDiv(1, number) FROM numbers(2)',
      ].map((query) => errorOf(client.command({ query }))),
    )
    expect(failures.every((failure) => failure instanceof ClickHouseError)).toBe(true)
    expect(
      failures.map((failure) => `${(failure as ClickHouseError).code} ${(failure as ClickHouseError).type}`),
    ).toEqual([
      '60 UNKNOWN_TABLE',
      '47 UNKNOWN_IDENTIFIER',
      '62 SYNTAX_ERROR',
      '46 UNKNOWN_FUNCTION',
      '42 NUMBER_OF_ARGUMENTS_DOESNT_MATCH',
      '73 UNKNOWN_FORMAT',
      '164 READONLY',
      '164 READONLY',
      '456 UNKNOWN_QUERY_PARAMETER',
      '46 UNKNOWN_FUNCTION',
      '153 ILLEGAL_DIVISION',
    ])
  })

  test('is told of a failure in the middle of a stream', { timeout: 60_000 }, async () => {
    // Much at first, so that the answer has begun; little until it fails.
    const text = "if(number < 20000, repeat('x', 200), '')"
    const query = `SELECT ${text} AS text, throwIf(number = 1900000) AS bad FROM numbers(2000000)`
    const read = async (): Promise<void> => {
      const result = await connect().query({ query, format: 'JSONCompactEachRow' })
      for await (const batch of result.stream()) expect(batch.length).toBeGreaterThan(0)
    }
    expect(await errorOf(read())).toMatchObject({
      code: '395',
      type: 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO',
      message: expect.stringContaining('throwIf') as string,
    })
  })

  test('ends a query that it gives up', async () => {
    const abort = new AbortController()
    const query = 'SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))'
    const running = errorOf(connect().query({ query, abort_signal: abort.signal }))
    setTimeout(() => abort.abort(), 300)
    expect(await running).toBeInstanceOf(Error)
    // Its place is free again.
    expect(await read(connect(), 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('may ask for less, and for nothing that changes what is true', async () => {
    const ask = (clickhouse_settings: Record<string, string | number>) =>
      errorOf(
        connect()
          .query({ query: 'SELECT n FROM orders', clickhouse_settings })
          .then((result) => result.text()),
      )
    expect(await ask({ max_result_rows: '10' })).toMatchObject({ code: '396' })
    expect(await ask({ max_result_rows: '10', result_overflow_mode: 'break' })).toBeUndefined()
    expect(await ask({ output_format_json_quote_64bit_integers: 1 })).toBeUndefined()
    for (const settings of [
      { additional_table_filters: "{'main.orders':'1'}" },
      { output_format_schema: '/tmp/x' },
      { transform_null_in: 1 },
      { max_result_rows: 'x' },
    ] as Record<string, string | number>[]) {
      expect(await ask(settings)).toMatchObject({ code: '115', type: 'UNKNOWN_SETTING' })
    }
  })
})

describe('who asks', () => {
  const orders = 'SELECT customer, email, n FROM orders ORDER BY n'

  test('sees the rows that /v1/sql shows', async () => {
    for (const key of [product.key, filtered, viewer]) {
      expect(await read(connect(key), orders)).toEqual(await rows(product, orders, key))
      expect(await read(connect(key), orders.replace('orders', 'main.orders'))).toEqual(
        await rows(product, orders, key),
      )
    }
    expect(await read(connect(filtered), 'SELECT count() AS n FROM orders')).toEqual([{ n: 286 }])
    expect(await read(connect(viewer), 'SELECT uniq(email) AS n FROM default.orders')).toEqual([{ n: 1 }])
  })

  test('sees nothing of another workspace', async () => {
    const client = connect(stranger)
    expect(
      await read(client, 'SELECT * EXCEPT time FROM orders').catch(() => read(client, 'SELECT * FROM orders')),
    ).toMatchObject([{ secret: 1 }])
    for (const query of ['SELECT * FROM main.orders', 'DESCRIBE TABLE main.orders', 'SELECT * FROM system.parts']) {
      expect(await errorOf(client.command({ query }))).toMatchObject({ code: '60' })
    }
    expect(await errorOf(connect(stranger, { database: 'main' }).command({ query: 'SELECT 1' }))).toMatchObject({
      code: '60',
    })
    expect(JSON.stringify(await read(client, 'SELECT * FROM system.columns'))).not.toContain('email')
    expect(await read(client, 'SHOW DATABASES')).toEqual([{ name: 'elsewhere' }])
  })

  test('finds what there is for it', async () => {
    const streams = async (key: string) =>
      (await read<{ name: string }>(connect(key), 'SHOW TABLES'))
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('_'))
    expect(await streams(product.key)).toEqual(['hidden', 'orders'])
    expect(await streams(filtered)).toEqual(['orders'])
    const counts = 'SELECT total_rows FROM system.tables WHERE name = {t:String}'
    expect(await read(connect(), counts, { t: 'orders' })).toEqual([{ total_rows: 1_000 }])
    expect(await read(connect(filtered), counts, { t: 'orders' })).toEqual([{ total_rows: null }])
    expect(await errorOf(connect(filtered).command({ query: 'DESCRIBE TABLE hidden' }))).toMatchObject({ code: '60' })
  })

  test('without the scope is refused', async () => {
    const { key } = await newKey(product, { scopes: ['endpoints:read'] })
    expect(await errorOf(connect(key).command({ query: 'SELECT 1' }))).toMatchObject({
      code: '497',
      type: 'ACCESS_DENIED',
    })
    expect(await errorOf(connect('ew_nonsense').command({ query: 'SELECT 1' }))).toMatchObject({ code: '516' })
  })
})

/** As the sources of these programs have them; the programs themselves are not run here. */
describe('what programs ask when they connect', () => {
  test.each([
    [
      'JDBC 0.9 (DBeaver, Metabase)',
      'SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1',
    ],
    [
      'JDBC: catalogs',
      "SELECT name AS TABLE_SCHEM, '' AS TABLE_CATALOG FROM system.databases WHERE name LIKE '%' ORDER BY name",
    ],
    [
      'JDBC: tables',
      "SELECT '' AS TABLE_CAT, t.database AS TABLE_SCHEM, t.name AS TABLE_NAME, t.engine, t.comment AS REMARKS FROM system.tables t JOIN system.databases d ON t.database = d.name WHERE t.database LIKE '%' AND t.name LIKE '%'",
    ],
    [
      'JDBC: columns',
      "SELECT database, table, name, type, position, default_expression, comment FROM system.columns WHERE database LIKE '%' AND table LIKE 'orders' ORDER BY database, table, position",
    ],
    ['Grafana: databases', 'SHOW DATABASES'],
    ['Grafana: tables', 'SHOW TABLES FROM main'],
    ['Grafana: columns', 'DESC TABLE "main"."orders"'],
    ['Grafana: functions', 'SELECT name FROM system.functions'],
    ['Metabase: fields', "select * from system.columns where database = 'main' and not (default_kind = 'ALIAS')"],
    ['Metabase: primary keys', "SELECT name FROM system.columns WHERE is_in_primary_key = 1 AND database = 'main'"],
    ['Superset', 'SELECT `main`.`orders`.`n` AS `n` FROM `main`.`orders` WHERE `main`.`orders`.`n` < 2 ORDER BY n'],
    [
      'information_schema',
      "SELECT TABLE_NAME, COLUMN_NAME, data_type FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema = 'main'",
    ],
    ['information_schema: tables', 'SELECT table_name, table_type FROM information_schema.tables'],
    ['the server', 'SELECT displayName(), version(), timezone()'],
    ['a table', 'EXISTS TABLE main.orders'],
    ['settings', "SELECT name, value, readonly FROM system.settings WHERE name = 'max_result_rows'"],
  ])('%s is answered', async (_, query) => {
    expect((await read(connect(), query)).length).toBeGreaterThan(0)
  })

  test('a name stands in the answer as it was asked', async () => {
    const [row] = await read(
      connect(),
      'SELECT version(), currentDatabase() AS db, hostName(), concat(user(), version()) AS both',
    )
    expect(Object.keys(row as object)).toEqual(['version()', 'db', 'hostName()', 'both'])
    expect(row).toMatchObject({ db: 'main', 'hostName()': 'edgewise' })
  })
})

describe.skipIf(python === undefined)('clickhouse-connect, as it comes', () => {
  test('connects, reads and fails as it does on a ClickHouse', { timeout: 60_000 }, async () => {
    const { hostname, port } = new URL(product.url)
    const { stdout } = await promisify(execFile)(python ?? '', [script, hostname, port], {
      env: { ...process.env, EDGEWISE_KEY: product.key, EDGEWISE_FILTERED_KEY: filtered },
    })
    expect(JSON.parse(stdout)).toEqual({
      version: expect.stringMatching(/^\d+\.\d+/) as string,
      count: 1000,
      first: ['c0', 'p0@example.com', 0, '2026-01-01T00:00:00'],
      names: ['customer', 'email', 'n', 'time'],
      parameters: [['c3', 3]],
      streamed: 200_000,
      columns: 200_000,
      bytes: 'n\n0\n1\n',
      filtered: 286,
      tables: ['hidden', 'orders'],
      described: ['time', 'customer', 'email', 'n'],
      error: 60,
      readonly: 164,
      bad_key: 516,
      summary: '1000',
    })
  })
})

describe.skipIf(jdbc === undefined)('ClickHouse’s JDBC driver, as it comes', () => {
  test('connects, looks around, reads and fails', { timeout: 120_000 }, async () => {
    const { stdout } = await promisify(execFile)(
      'java',
      ['-cp', `${jdbc}/*`, java, `jdbc:clickhouse://${new URL(product.url).host}/main`],
      { env: { ...process.env, EDGEWISE_KEY: product.key } },
    )
    expect(stdout.trim().split('\n')).toEqual([
      'ClickHouse',
      'main',
      'orders',
      'time',
      'customer',
      'email',
      'n',
      expect.stringMatching(/^1 2026-01-01 00:03:00.* c3$/) as string,
      '3',
      '10',
      '4999950000',
      'Code: 60. DB::Exception: There is no stream `missing`. (line 1, col 15) (UNKNOWN_TABLE)',
    ])
  })
})
