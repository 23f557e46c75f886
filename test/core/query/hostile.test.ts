import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Failure } from '../../../mesh/errors.ts'
import { analyst, failureOf, sql, startQuery, type Fixture } from './fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

const run = (text: string, params: Record<string, string> = {}) => sql(fixture.service, analyst, text, { params })

const refusals = [
  'query.not_allowed',
  'query.unknown_function',
  'query.unknown_table',
  'query.syntax',
  'query.parameter',
]

describe('refused before it runs', () => {
  test.each([
    // Files, networks, other engines
    `SELECT file('/etc/hostname')`,
    `SELECT * FROM file('/etc/hostname')`,
    `SELECT * FROM file('/etc/hostname', 'LineAsString')`,
    `SELECT * APPLY(file) FROM (SELECT '/etc/hostname')`,
    `SELECT * APPLY file FROM (SELECT '/etc/hostname')`,
    `SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/hostname')`,
    `SELECT COLUMNS('.*') APPLY(file) FROM (SELECT '/etc/hostname')`,
    `SELECT t.* APPLY(file) FROM (SELECT '/etc/hostname') AS t`,
    `SELECT * EXCEPT (x) APPLY(file) FROM (SELECT '/etc/hostname', 1 AS x)`,
    `SELECT * REPLACE(file('/etc/hostname') AS a) FROM (SELECT 'x' AS a)`,
    `SELECT arrayMap(x -> file(x), ['/etc/hostname'])`,
    `SELECT \`file\`('/etc/hostname')`,
    `SELECT "file"('/etc/hostname')`,
    `SELECT FILE('/etc/hostname')`,
    `SELECT * FROM s3('http://127.0.0.1:1/x.csv')`,
    `SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')`,
    `SELECT * FROM remote('127.0.0.1:1', 'system.one')`,
    `SELECT * FROM remoteSecure('127.0.0.1:1', 'system.one')`,
    `SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')`,
    `SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')`,
    `SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x Int8')`,
    `SELECT * FROM sqlite('/etc/passwd', 'a')`,
    `SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')`,
    `SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')`,
    `SELECT * FROM azureBlobStorage('x', 'y', 'z')`,
    `SELECT * FROM iceberg('http://127.0.0.1:1/')`,
    `SELECT * FROM deltaLakeLocal('/')`,
    `SELECT * FROM filesystem('/')`,
    `SELECT * FROM jdbc('x', 'y')`,
    `SELECT * FROM odbc('x', 'y', 'z')`,
    `SELECT * FROM cluster('default', system.one)`,
    `SELECT * FROM clusterAllReplicas('default', 'system', 'one')`,
    `SELECT * FROM executable('id', 'TSV', 'x String')`,
    `SELECT * FROM input('x String')`,
    `SELECT * FROM dictionary('d')`,
    `SELECT * FROM loop(orders)`,
    `SELECT * FROM fuzzQuery('SELECT 1')`,
    `SELECT * FROM fuzzJSON('{}')`,
    `SELECT * FROM eval('SELECT 1')`,
    `SELECT * FROM arrowstream('x')`,
    `SELECT * FROM format(CSV, '1')`,
    `SELECT * FROM generateRandom('x UInt8')`,
    `SELECT * FROM merge('other', '.*')`,
    `SELECT * FROM merge('.*')`,
    `SELECT * FROM mergeTreeIndex('other', 't')`,
    `SELECT * FROM mergeTreeProjection('other', 't', 'p')`,
    `SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('x Int8'))`,
    `SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))`,
    `SELECT * FROM (EXPLAIN SELECT 1)`,
    `SELECT * FROM timeSeriesData(orders)`,
    `SELECT * FROM timeSeriesSelector(orders, 'x', 0, 1)`,
    `SELECT * FROM prometheusQuery(orders, 'x', 0)`,
    `SELECT 1 IN numbers(3)`,
    `SELECT 1 IN format(CSV, '1')`,
    `SELECT chdb()`,
    `SELECT aiGenerate('x', 'y')`,
    // Other tables, in words
    `SELECT * FROM other.t`,
    `SELECT * FROM \`other\`.\`t\``,
    `SELECT * FROM \`other.t\``,
    `SELECT * FROM (SELECT * FROM (SELECT * FROM other.t))`,
    `SELECT 1 IN other.t`,
    `SELECT 1 NOT IN other.t`,
    `SELECT 1 GLOBAL IN other.t`,
    `SELECT in(1, other.t)`,
    `SELECT nullIn(1, other.t)`,
    `SELECT notInIgnoreSet(1, other.t)`,
    `SELECT arrayMap(x -> x IN other.t, [1])`,
    `SELECT 1 WHERE (1 IN other.t) ORDER BY 1 IN other.t`,
    `WITH 'x' AS t SELECT 1 IN other.t`,
    `WITH other.t AS k SELECT 1 IN k`,
    `WITH other.t AS a, a AS b, b AS c SELECT 1 IN c`,
    `WITH other.t AS k, k AS other SELECT 1 IN other`,
    `WITH c AS (SELECT 1), other.t AS c SELECT 1 IN c`,
    `WITH [1] AS k, other.t AS k SELECT 1 IN k`,
    `SELECT other.t AS k, 1 IN k`,
    `SELECT 1 IN k FROM orders ORDER BY other.t AS k`,
    `SELECT 1 IN (other.t AS k), 1 IN k`,
    `WITH other.t AS k SELECT (SELECT 1 IN k)`,
    `WITH other.t AS k SELECT * FROM k`,
    `WITH (SELECT id FROM other.t) AS k SELECT 1 IN k`,
    `WITH x -> x IN other.t AS f SELECT f(1)`,
    `SELECT arrayReduce('flameGraph', [1])`,
    `SELECT arrayReduce('aggThrow(0.5)', [1])`,
    `SELECT arrayReduce(concat('flame', 'Graph'), [1])`,
    `SELECT initializeAggregation('groupFormat', 1)`,
    `SELECT arrayReduceInRanges('aggThrow(1)', [(1, 1)], [1])`,
    `SELECT count() FROM orders AS o JOIN other.t AS t ON o.id = t.id`,
    `SELECT (SELECT count() FROM other.t)`,
    `SELECT EXISTS(SELECT 1 FROM other.t)`,
    `WITH t AS (SELECT * FROM other.t) SELECT * FROM t`,
    `SELECT 1 UNION ALL SELECT id FROM other.t`,
    `SELECT 1 EXCEPT SELECT id FROM other.t`,
    `SELECT * FROM view(SELECT * FROM other.t)`,
    `SELECT id FROM orders ORDER BY id LIMIT (SELECT count() FROM other.t)`,
    `SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN (SELECT id FROM other.t) PRECEDING AND CURRENT ROW) FROM orders`,
    `SELECT id FROM orders ORDER BY id WITH FILL FROM (SELECT 1 FROM other.t)`,
    `SELECT id FROM orders GROUP BY GROUPING SETS ((id), ((SELECT id FROM other.t)))`,
    `SELECT * FROM numbers((SELECT id FROM other.t))`,
    `SELECT * FROM system.one`,
    `SELECT * FROM system.tables`,
    `SELECT * FROM SYSTEM.tables`,
    `SELECT * FROM information_schema.tables`,
    `SELECT * FROM INFORMATION_SCHEMA.TABLES`,
    `SELECT 1 IN system.one`,
    // Other tables, in texts
    `SELECT joinGet('other.j', 'word', toUInt64(1))`,
    `SELECT joinGetOrNull('other.j', 'word', toUInt64(1))`,
    `SELECT dictGet('other.d', 'word', 1)`,
    `SELECT dictGetString('other.d', 'word', 1)`,
    `SELECT dictHas('other.d', 1)`,
    `SELECT hasColumnInTable('other', 't', 'id')`,
    `SELECT __getScalar('x')`,
    // Facts about the machine and its settings
    ...['hostName()', 'fqdn()', 'version()', 'uptime()', 'tcpPort()', 'serverUUID()', 'buildId()', 'displayName()'].map(
      (call) => `SELECT ${call}`,
    ),
    `SELECT getSetting('max_threads')`,
    `SELECT getServerSetting('max_connections')`,
    `SELECT getMacro('x')`,
    `SELECT currentUser()`,
    `SELECT user()`,
    `SELECT currentDatabase()`,
    `SELECT filesystemAvailable()`,
    `SELECT serverTimezone()`,
    `SELECT queryID()`,
    `SELECT connectionId()`,
    `SELECT globalVariable('version')`,
    `SELECT getClientHTTPHeader('authorization')`,
    `SELECT showCertificate()`,
    `SELECT addressToLine(1)`,
    `SELECT addressToSymbol(1)`,
    `SELECT demangle('x')`,
    `SELECT tid()`,
    `SELECT logTrace('x')`,
    `SELECT evalMLMethod(1)`,
    `SELECT catboostEvaluate('/etc/hostname', 1)`,
    `SELECT naiveBayesClassifier('x', 'y')`,
    `SELECT zookeeperSessionUptime()`,
    `SELECT errorCodeToName(1)`,
    `SELECT flameGraph([1])`,
    `SELECT aggThrow(0.5)(1)`,
    `SELECT timeSeriesStoreTags(1, [])`,
    `SELECT formatRow('CSV', 1)`,
    `SELECT fuzzQuery('SELECT 1')`,
    `SELECT no_such_function(1)`,
    // Time
    `SELECT sleep(3)`,
    `SELECT sleepEachRow(1) FROM numbers(9)`,
    `SELECT SLEEP(3)`,
    // Settings
    `SELECT 1 SETTINGS max_execution_time = 0`,
    `SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)`,
    `SELECT (SELECT 1 SETTINGS max_execution_time = 0)`,
    `WITH c AS (SELECT 1 SETTINGS max_threads = 1) SELECT * FROM c`,
    `SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 1`,
    `SELECT 1 FORMAT JSON SETTINGS max_threads = 1`,
    `SELECT 1 SETTINGS max_threads = 1 FORMAT JSON`,
    `EXPLAIN SELECT 1 SETTINGS max_threads = 1`,
    `EXPLAIN PLAN max_threads = 1 SELECT 1`,
    `EXPLAIN distributed = 1 SELECT 1`,
    `SET max_threads = 1`,
    // Output
    `SELECT 1 INTO OUTFILE '/tmp/edgewise-outfile'`,
    `SELECT 1 INTO OUTFILE '/tmp/edgewise-outfile' FORMAT CSV`,
    `SELECT 1 INTO OUTFILE '/tmp/edgewise-outfile' APPEND COMPRESSION 'gzip' FORMAT CSV`,
    `EXPLAIN SELECT 1 INTO OUTFILE '/tmp/edgewise-outfile'`,
    `SELECT 1 COMMENT 'x'`,
    // More than one statement, or another than SELECT
    `SELECT 1; SELECT 2`,
    `SELECT 1;; SELECT 2`,
    `SELECT 1; DROP TABLE orders`,
    `SELECT 1 PARALLEL WITH SELECT 2`,
    `SELECT 1 PARALLEL WITH DROP TABLE orders`,
    `SELECT 1) SELECT (1`,
    `SELECT 1) UNION ALL (SELECT 2`,
    `SELECT * FROM orders STREAM`,
    `INSERT INTO orders VALUES (1)`,
    `INSERT INTO FUNCTION file('/tmp/x') SELECT 1`,
    `CREATE FUNCTION f AS x -> x`,
    `CREATE TABLE main.x (a Int8) ENGINE = Memory`,
    `CREATE VIEW main.x AS SELECT 1`,
    `DROP TABLE main.orders`,
    `ALTER TABLE orders DELETE WHERE 1`,
    `TRUNCATE TABLE orders`,
    `ATTACH TABLE x`,
    `SYSTEM SHUTDOWN`,
    `SHOW TABLES`,
    `SHOW CREATE TABLE orders`,
    `DESCRIBE TABLE orders`,
    `EXISTS TABLE other.t`,
    `USE other`,
    `KILL QUERY WHERE 1`,
    `BACKUP TABLE orders TO Disk('x', 'y')`,
    `EXPLAIN QUERY TREE SELECT 1`,
    `EXPLAIN TABLE OVERRIDE mysql('', '', '', '', '') PARTITION BY x`,
    `EXPLAIN CURRENT TRANSACTION`,
    `EXPLAIN EXPLAIN SELECT 1`,
    `EXPLAIN AST DROP TABLE orders`,
    `EXPLAIN SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')`,
    `EXPLAIN AST SELECT 1 IN other.t`,
    `EXECUTE AS default SELECT 1`,
    `PREPARE x AS SELECT 1`,
    ``,
    ` `,
    `;`,
    `-- nothing`,
    `1`,
    `VALUES (1)`,
    // Names that imitate the tree
    `SELECT 1 AS \`x\n             Function file (children 1)\``,
    `SELECT 1 AS \`a (alias b)\``,
    `SELECT \`a (children 1)\` FROM orders`,
    `SELECT \`x (alias secret)\`, 1 IN secret FROM orders`,
    `SELECT 1 AS "x\\nSet"`,
    // Aliases of tables that imitate a full name
    `SELECT * FROM orders AS \`main.secret\``,
    `SELECT * FROM (SELECT 1) AS \`main.orders\``,
    `SELECT * FROM numbers(3) AS \`main.orders\``,
  ])('%s', async (text) => {
    expect(refusals).toContain((await failureOf(run(text))).problem)
  })

  test.each([
    ['SELECT * FROM {t:Identifier}', { t: 'orders' }],
    ['SELECT {c:Identifier} FROM orders', { c: 'id' }],
    ['SELECT 1 IN {t:Identifier}', { t: 'other.t' }],
    ['SELECT * FROM {d:Identifier}.{t:Identifier}', { d: 'other', t: 't' }],
    ['SELECT {x:AggregateFunction(sum, UInt8)}', { x: '' }],
    ['SELECT {x:JSON}', { x: '{}' }],
    ['SELECT {x:Dynamic}', { x: '1' }],
    ['SELECT {x:Tuple(UInt8)}', { x: '(1)' }],
    ["SELECT {x:Array(/*'*/String)}", { x: '[]' }],
    ['SELECT {x:Nonsense}', { x: '1' }],
  ])('%s', async (text, params) => {
    const failure = await failureOf(run(text, params))
    expect(['query.not_allowed', 'query.parameter']).toContain(failure.problem)
  })

  test('a table of another workspace is answered as one that is not there', async () => {
    const texts = [
      'SELECT * FROM other.{}',
      'SELECT 1 IN other.{}',
      'SELECT other.{} IN (1)',
      'SELECT other.{} IN (1) FROM orders',
    ]
    for (const text of texts) {
      const there = await failureOf(run(text.replace('{}', 't')))
      const absent = await failureOf(run(text.replace('{}', 'q')))
      expect(there.message).toBe(absent.message.replaceAll('.q', '.t'))
      expect([there.problem, there.hint, there.errors]).toEqual([absent.problem, absent.hint, absent.errors])
    }
  })

  test('nothing of it was done', async () => {
    expect(existsSync('/tmp/edgewise-outfile')).toBe(false)
    expect((await run('SELECT count() AS n FROM orders')).rows).toEqual([{ n: 4 }])
    const outfile = join(tmpdir(), 'edgewise-outfile')
    rmSync(outfile, { force: true })
  })
})

describe('texts made to break the parser', () => {
  const deep = 100_000
  test.each<[string, () => string]>([
    ['10 MB of parentheses', () => `SELECT ${'('.repeat(5_000_000)}1${')'.repeat(5_000_000)}`],
    ['parentheses', () => `SELECT ${'('.repeat(deep)}1${')'.repeat(deep)}`],
    ['open parentheses', () => `SELECT ${'('.repeat(deep)}`],
    ['brackets', () => `SELECT ${'['.repeat(deep)}1${']'.repeat(deep)}`],
    ['subqueries', () => `SELECT * FROM ${'(SELECT * FROM '.repeat(5_000)}orders${')'.repeat(5_000)}`],
    ['functions', () => `SELECT ${'abs('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['differences', () => `SELECT 1${' - 1'.repeat(60_000)}`],
    ['sums', () => `SELECT 1${' + 1'.repeat(60_000)}`],
    ['negations', () => `SELECT ${'NOT '.repeat(60_000)}1`],
    ['signs', () => `SELECT ${'- '.repeat(60_000)}1`],
    ['casts', () => `SELECT 1${'::Int8'.repeat(40_000)}`],
    ['CASE', () => `SELECT ${'CASE WHEN 1 THEN '.repeat(10_000)}1${' END'.repeat(10_000)}`],
    ['lambdas', () => `SELECT arrayMap(${'x -> '.repeat(40_000)}x, [1])`],
    ['unions', () => `SELECT 1${' UNION ALL SELECT 1'.repeat(13_000)}`],
    ['unions in parentheses', () => `${'(SELECT 1 UNION ALL '.repeat(8_000)}SELECT 1${')'.repeat(8_000)}`],
    [
      'common table expressions',
      () => `WITH ${Array.from({ length: 10_000 }, (_, at) => `c${at} AS (SELECT 1)`).join(', ')} SELECT 1`,
    ],
    ['joins', () => `SELECT 1 FROM orders ${', orders'.repeat(30_000)}`],
    ['array subscripts', () => `SELECT tags${'[1]'.repeat(60_000)} FROM orders`],
    ['dots', () => `SELECT a${'.b'.repeat(100_000)} FROM orders`],
    ['types', () => `SELECT CAST(1, '${'Array('.repeat(20_000)}Int8${')'.repeat(20_000)}')`],
    ['open comments', () => `SELECT ${'/*'.repeat(100_000)}`],
    ['quotes', () => `SELECT ${"'".repeat(200_001)}`],
    [
      'aliases of aliases',
      () => `SELECT 1 AS a0${Array.from({ length: 5_000 }, (_, at) => `, a${at} + a${at} AS a${at + 1}`).join('')}`,
    ],
    [
      'copies of a WITH',
      () =>
        `WITH ${Array.from({ length: 1_500 }, (_, at) => `c${at} AS (SELECT 1)`).join(', ')} SELECT 1${' UNION ALL SELECT 1'.repeat(7_000)}`,
    ],
    [
      'common table expressions that double',
      () =>
        `WITH c0 AS (SELECT 1 AS x)${Array.from({ length: 22 }, (_, at) => `, c${at + 1} AS (SELECT a.x AS x FROM c${at} AS a, c${at} AS b)`).join('')} SELECT count() FROM c22`,
    ],
    ['a list after IN', () => `SELECT 1 IN (${'1,'.repeat(60_000)}1)`],
    [
      'alternatives',
      () =>
        `SELECT 1 FROM orders WHERE ${Array.from({ length: 2_000 }, (_, at) => `(id = ${at} AND amount = ${at})`).join(' OR ')}`,
    ],
    ['a NUL', () => 'SELECT \0 1'],
  ])(
    '%s end soon, in an error, and others are answered meanwhile',
    async (_, text) => {
      const started = performance.now()
      const [problem, other] = await Promise.all([
        run(text()).then(
          () => 'none',
          (thrown: Failure) => thrown.problem,
        ),
        run('SELECT count() AS n FROM orders'),
      ])
      expect(other.rows).toEqual([{ n: 4 }])
      expect(performance.now() - started).toBeLessThan(10_000)
      const bounds = [
        'query.too_expensive',
        'request.too_large',
        'query.failed',
        'query.timeout',
        'query.unknown_column',
      ]
      expect([...refusals, ...bounds, 'none']).toContain(problem)
    },
    20_000,
  )
})

test.each([
  `levenshteinDistance('a', 'b')`,
  `editDistanceUTF8('a', 'b')`,
  `damerauLevenshteinDistance('a', 'b')`,
  `jaroSimilarity('a', 'b')`,
  `jaroWinklerSimilarity('a', 'b')`,
  `arrayLevenshteinDistance([1], [2])`,
  `arraySimilarity([1], [2], [1], [2])`,
  `h3PolygonToCells([(0., 0.), (1., 0.), (1., 1.)], 1)`,
  `extractTextFromHTML('<a>')`,
])('%s, which takes the square of its input in one call, is not there', async (call) => {
  expect((await failureOf(run(`SELECT ${call}`))).problem).toBe('query.unknown_function')
})
