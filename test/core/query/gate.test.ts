import { array, assert, asyncProperty, boolean, constantFrom, double, tuple } from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { treeOf, type Node } from '../../../core/query/gate/ast.ts'
import { allowedKinds } from '../../../core/query/gate/judge.ts'
import { Failure } from '../../../mesh/errors.ts'
import { analyst, failureOf, sql, startQuery, type Fixture } from './fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

const run = (text: string, params: Record<string, string> = {}) => sql(fixture.service, analyst, text, { params })

/** A query for each kind of node, which needs it and must run. */
const needs: Readonly<Record<string, string>> = {
  ArrayJoin: 'SELECT id, tag FROM orders ARRAY JOIN tags AS tag',
  Asterisk: 'SELECT * FROM orders',
  ColumnsExceptTransformer: 'SELECT * EXCEPT (note) FROM orders',
  ColumnsListMatcher: 'SELECT COLUMNS(id, note) FROM orders',
  ColumnsRegexpMatcher: "SELECT COLUMNS('^id') FROM orders",
  ColumnsReplaceTransformer: 'SELECT * REPLACE(id + 1 AS id) FROM orders',
  'ColumnsReplaceTransformer::Replacement': 'SELECT * REPLACE(id + 1 AS id) FROM orders',
  ColumnsTransformerList: 'SELECT * EXCEPT (note) REPLACE(id + 1 AS id) FROM orders',
  ExpressionList: 'SELECT 1, 2',
  Function: 'SELECT count() FROM orders',
  Identifier: 'SELECT id FROM orders',
  InterpolateElement:
    'SELECT id, amount FROM orders ORDER BY id WITH FILL FROM 0 TO 9 INTERPOLATE (amount AS amount + 1)',
  Literal: "SELECT 1, 'a', NULL, [1, 2], (1, 2), 1.5, true",
  OrderByElement: 'SELECT id FROM orders ORDER BY id DESC NULLS LAST',
  QualifiedAsterisk: 'SELECT o.* FROM orders AS o',
  QualifiedColumnsListMatcher: 'SELECT o.COLUMNS(id, note) FROM orders AS o',
  QualifiedColumnsRegexpMatcher: "SELECT o.COLUMNS('^id') FROM orders AS o",
  QueryParameter: 'SELECT {p:UInt8} + 1',
  SampleRatio: 'SELECT id FROM sampled SAMPLE 1/10 OFFSET 1/2',
  SelectIntersectExceptQuery: 'SELECT id FROM orders INTERSECT SELECT toUInt64(1)',
  SelectQuery: 'SELECT 1',
  SelectWithUnionQuery: 'SELECT 1 UNION ALL SELECT 2',
  Subquery: 'SELECT (SELECT 1)',
  TableExpression: 'SELECT id FROM orders',
  TableIdentifier: 'SELECT id FROM main.orders',
  TableJoin: 'SELECT count() FROM orders AS a JOIN orders AS b USING (id)',
  TablesInSelectQuery: 'SELECT id FROM orders',
  TablesInSelectQueryElement: 'SELECT a.id FROM orders AS a, orders AS b',
  WindowDefinition:
    'SELECT sum(id) OVER (PARTITION BY tenant ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM orders',
  WindowListElement: 'SELECT sum(id) OVER w FROM orders WINDOW w AS (ORDER BY id)',
  WithElement: 'WITH c AS (SELECT 1 AS x) SELECT x FROM c',
}

function kindsOf(node: Node): Set<string> {
  return new Set([node.kind, ...node.children.flatMap((child) => [...kindsOf(child)])])
}

describe('each kind of node that is allowed', () => {
  test('has a query here that needs it', () => {
    expect(Object.keys(needs).toSorted()).toEqual([...allowedKinds].toSorted())
  })

  test.each(Object.entries(needs))('%s', async (kind, text) => {
    await fixture.warehouse.command(
      'CREATE TABLE IF NOT EXISTS main.sampled (id UInt64) ENGINE = MergeTree ORDER BY id SAMPLE BY id',
    )
    const lines = await fixture.warehouse.rows<{ explain: string }>({
      sql: `EXPLAIN AST CREATE VIEW v AS SELECT * FROM (${text})`,
      database: 'main',
      deadline: Date.now() + 5_000,
      signal: AbortSignal.timeout(5_000),
    })
    const tree = treeOf(lines.map((line) => line.explain).join('\n'))
    expect(tree === undefined ? [] : [...kindsOf(tree)]).toContain(kind)
    await run(text, text.includes('{p') ? { p: '1' } : {})
  })
})

describe('what people write runs', () => {
  test.each([
    `SELECT toStartOfHour(at) AS hour, count() AS requests, sum(amount) AS bytes, countIf(kind = 'x') / count() AS share FROM orders GROUP BY hour ORDER BY hour`,
    `SELECT quantiles(0.5, 0.95)(amount), uniqExact(tenant), topK(3)(kind), argMax(note, id) FROM orders`,
    `SELECT sumIf(amount, kind = 'x'), countDistinct(tenant), COUNT(DISTINCT tenant), avgOrNull(amount), uniqMerge(s) FROM (SELECT *, uniqState(id) OVER () AS s FROM orders)`,
    `SELECT tenant, groupArray(id) FROM orders GROUP BY tenant WITH TOTALS HAVING count() > 0 ORDER BY tenant LIMIT 10 OFFSET 0`,
    `SELECT DISTINCT ON (tenant) tenant, id FROM orders ORDER BY id LIMIT 5`,
    `SELECT CASE WHEN id > 1 THEN 'a' ELSE 'b' END, if(id = 1, 2, 3), id BETWEEN 1 AND 2, note LIKE 'S%', note ILIKE '%s%', id::String, CAST(id AS Float64), tags[1], -id, NOT id FROM orders`,
    `SELECT arrayMap(x -> upper(x), tags), arrayFilter((x, i) -> i > 0, tags, arrayEnumerate(tags)) FROM orders`,
    `SELECT now() - INTERVAL 1 DAY, today(), toDate('2026-01-01'), date_trunc('month', at), dateDiff('day', at, now()), formatDateTime(at, '%F'), EXTRACT(YEAR FROM at) FROM orders`,
    `SELECT JSONExtractString('{"a":"b"}', 'a'), extract(note, 'S(.*)'), replaceRegexpAll(note, 'E', 'e'), splitByChar(',', 'a,b'), domain('http://a.b/c'), cutQueryString('http://a/b?c') FROM orders`,
    `SELECT row_number() OVER (PARTITION BY tenant ORDER BY id), lagInFrame(amount) OVER (ORDER BY id), sum(amount) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) FROM orders`,
    `SELECT * FROM numbers(3) AS n CROSS JOIN (SELECT 1 AS x) AS y`,
    `SELECT * FROM generateSeries(1, 3)`,
    `SELECT * FROM values('a UInt8, b String', (1, 'x'), (2, 'y'))`,
    `SELECT * FROM VALUES((1, 'x'), (2, 'y'))`,
    `SELECT number FROM numbers_mt(2) AS n, view(SELECT 1 AS x) AS v`,
    `SELECT * FROM generate_series(1, 9, 2)`,
    `SELECT tuple(1, 'a').1, (1, 2) = (1, 2), map('a', 1)['a'], grouping(tenant) FROM orders GROUP BY GROUPING SETS ((tenant), ())`,
    `SELECT id FROM orders WHERE id IN (1, 2) AND (id, tenant) IN ((1, 'a'), (2, 'b')) AND id NOT IN (SELECT 9)`,
    `SELECT id, multiIf(id = 1, 'one', id = 2, 'two', 'many') AS word FROM orders QUALIFY row_number() OVER (ORDER BY id) < 3`,
    `WITH 10 AS lim, (SELECT max(id) FROM orders) AS top SELECT id FROM orders WHERE id <= lim AND id < top`,
    `WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r`,
    `WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a) SELECT * FROM a UNION ALL SELECT * FROM b ORDER BY x`,
    `SELECT \`Requests (total)\`, "a b", \`count()\` FROM (SELECT 1 AS \`Requests (total)\`, 2 AS "a b", count() FROM orders)`,
    `SELECT 'it''s', 'a\\'b', $$heredoc ' text$$, 'é\\n\\t', '\\\\' -- a comment`,
    `/* leading */ SELECT /* inner */ 1 # trailing`,
    `SELECT 1;`,
    `  (SELECT 1)  `,
    `FROM orders SELECT id`,
    `select ID from (select id as ID from orders)`,
    `SELECT 1 FORMAT JSON`,
    `EXPLAIN SELECT id FROM orders WHERE id = 1`,
    `EXPLAIN PLAN indexes = 1, actions = 1 SELECT id FROM orders WHERE id = 1`,
    `EXPLAIN AST SELECT 1`,
    `EXPLAIN SYNTAX SELECT id FROM orders`,
    `EXPLAIN PIPELINE SELECT id FROM orders`,
    `EXPLAIN ESTIMATE SELECT id FROM orders WHERE id = 1`,
    `SELECT throwIf(id = 99, 'no') FROM orders`,
    `SELECT id IN tags FROM (SELECT 'r' AS id, ['r'] AS tags) WHERE has(tags, id)`,
  ])('%s', async (text) => {
    await expect(run(text)).resolves.toBeDefined()
  })

  test('and means what it says', async () => {
    const text = `SELECT '\\\\ '' \\' \\n \`', -1 - -1, (1 + 2) * 3, NOT 1 = 0, 1 ? 2 : 3, [1, 2][1], 'a' || 'b' FORMAT JSONEachRow`
    const { rows } = await run(text)
    expect(Object.values(rows[0] ?? {})).toEqual(["\\ ' ' \n `", 0, 9, 1, 2, 1, 'ab'])
  })
})

test('functions that are close to an allowed one are named', async () => {
  const failure = await failureOf(run('SELECT cuont() FROM orders'))
  expect([failure.problem, failure.hint]).toEqual(['query.unknown_function', 'Did you mean `count`?'])
})

describe('a mutated query', () => {
  const words = (
    `SELECT FROM WHERE IN ( ) , * APPLY SETTINGS FORMAT UNION|ALL WITH AS JOIN ON orders main.orders other.t system.one ` +
    `secret id 'x' 1 file url count {p:UInt8} \` ' -- /* */ ; INTO|OUTFILE max_threads|=|1 EXPLAIN -> . :: $$ \\ view numbers`
  )
    .split(' ')
    .map((word) => word.replaceAll('|', ' '))
  test('runs or fails as a query, and never reads another workspace', async () => {
    const base = Object.values(needs)
    await assert(
      asyncProperty(
        constantFrom(...base),
        array(tuple(double({ min: 0, max: 1, noNaN: true }), constantFrom(...words), boolean()), {
          minLength: 1,
          maxLength: 4,
        }),
        async (text, edits) => {
          const tokens = text.split(' ')
          for (const [where, word, replace] of edits) {
            tokens.splice(Math.floor(where * tokens.length), replace ? 1 : 0, word)
          }
          const outcome = await run(tokens.join(' ')).then(
            (answer) => (answer.text.includes('foreign') ? 'foreign' : 'answered'),
            (thrown: unknown) => (thrown instanceof Failure ? thrown.problem : `bug: ${String(thrown)}`),
          )
          expect(outcome).toMatch(/^(answered|query\.(?!timeout).*|request\.(?!cancelled).*)$/)
        },
      ),
      { numRuns: 300, seed: 7 },
    )
  }, 60_000)
})
