import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { analyst, declare, failureOf, sql, startQuery, tenantA, type Fixture, type Who } from './fixture.ts'

const hidden = '_partition UInt16 MATERIALIZED 0, _offset UInt64 MATERIALIZED 0'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
  await fixture.warehouse.command(
    // The column of the filter is the widest, so that an engine free to reorder conditions evaluates it last.
    `CREATE TABLE main.wide (id UInt64, small UInt8, owner String, note String, ${hidden}) ENGINE = MergeTree ORDER BY id`,
  )
  await fixture.warehouse.command(
    `INSERT INTO main.wide SELECT number, number % 7 = 3 ? 40 : 1, concat(repeat('x', 200), toString(number % 7)),
       number % 7 = 3 ? 'SECRET' : '5' FROM numbers(200000)`,
  )
  await fixture.warehouse.command(
    `CREATE TABLE main.versioned (id UInt64, version UInt64, owner String, note String, ${hidden}) ENGINE = ReplacingMergeTree(version) ORDER BY id`,
  )
  await fixture.warehouse.command('INSERT INTO main.versioned SELECT id, 1, owner, note FROM main.wide')
  const column = (name: string, type: string) => ({ name, type, pii: name === 'owner' })
  const [id, owner, note] = [column('id', 'UInt64'), column('owner', 'String'), column('note', 'String')]
  await declare(fixture, 'main', 'wide', [id, column('small', 'UInt8'), owner, note])
  await declare(fixture, 'main', 'versioned', [id, column('version', 'UInt64'), owner, note])
})
afterAll(() => fixture.close())

const owner = (digit: number) => `${'x'.repeat(200)}${digit}`
const narrow: Who = {
  ...analyst,
  filters: ['wide', 'versioned'].map((stream) => ({
    stream,
    column: 'owner',
    values: [owner(0), owner(1), owner(2)],
  })),
}

const run = (who: Who, text: string) => sql(fixture.service, who, text)
const rows = async (text: string, who: Who = tenantA) => (await run(who, text)).rows

describe('a row filter holds wherever a stream can stand', () => {
  test.each([
    ['FROM', 'SELECT id FROM orders ORDER BY id'],
    ['qualified FROM', 'SELECT id FROM main.orders ORDER BY id'],
    ['FROM first', 'FROM orders SELECT id ORDER BY id'],
    ['an alias', 'SELECT o.id AS id FROM orders AS o ORDER BY id'],
    ['an alias that is another stream', 'SELECT customers.id AS id FROM orders AS customers ORDER BY id'],
    ['an alias that is a hidden stream', 'SELECT secret.id AS id FROM orders AS secret ORDER BY id'],
    ['a subquery', 'SELECT id FROM (SELECT * FROM orders) ORDER BY id'],
    ['a subquery that shadows it', 'SELECT id FROM (SELECT * FROM orders) AS orders ORDER BY id'],
    ['a common table expression', 'WITH o AS (SELECT * FROM orders) SELECT id FROM o ORDER BY id'],
    ['one that shadows it', 'WITH orders AS (SELECT * FROM orders) SELECT id FROM orders ORDER BY id'],
    ['two in a row', 'WITH a AS (SELECT * FROM orders), b AS (SELECT * FROM a) SELECT id FROM b ORDER BY id'],
    [
      'a recursive one',
      'WITH RECURSIVE r AS (SELECT id FROM orders WHERE id = 1 UNION ALL SELECT o.id AS id FROM orders AS o, r WHERE o.id = r.id + 2) SELECT id FROM r ORDER BY id',
    ],
    ['UNION ALL', 'SELECT id FROM orders WHERE id < 3 UNION ALL SELECT id FROM orders WHERE id >= 3 ORDER BY id'],
    [
      'UNION with a shared WITH',
      'WITH o AS (SELECT id FROM orders) SELECT id FROM o WHERE id = 1 UNION ALL SELECT id FROM o WHERE id > 1',
    ],
    [
      'INTERSECT',
      'SELECT id FROM (SELECT id FROM orders INTERSECT SELECT toUInt64(number) FROM numbers(9)) ORDER BY id',
    ],
    ['EXCEPT', 'SELECT id FROM (SELECT id FROM orders EXCEPT SELECT toUInt64(9)) ORDER BY id'],
    [
      'IN a subquery',
      'SELECT toUInt64(number) AS id FROM numbers(9) WHERE number IN (SELECT id FROM orders) ORDER BY id',
    ],
    [
      'GLOBAL IN',
      'SELECT toUInt64(number) AS id FROM numbers(9) WHERE number GLOBAL IN (SELECT id FROM orders) ORDER BY id',
    ],
    [
      'IN a common table expression',
      'WITH ids AS (SELECT id FROM orders) SELECT toUInt64(number) AS id FROM numbers(9) WHERE id IN ids ORDER BY id',
    ],
    ['EXISTS', 'SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM orders) ORDER BY id'],
    ['a scalar subquery', 'SELECT arrayJoin((SELECT groupArray(id) FROM orders)) AS id ORDER BY id'],
    [
      'a subquery in an argument',
      'SELECT arrayJoin(arrayMap(x -> x + (SELECT 0 * count() FROM orders), (SELECT groupArray(id) FROM orders))) AS id ORDER BY id',
    ],
    ['view()', 'SELECT id FROM view(SELECT * FROM orders) ORDER BY id'],
    ['ARRAY JOIN', 'SELECT DISTINCT id FROM orders LEFT ARRAY JOIN tags AS tag ORDER BY id'],
    ['a window', 'SELECT id FROM (SELECT id, count() OVER () AS n FROM orders) WHERE n = 2 ORDER BY id'],
    [
      'a named window',
      'SELECT id FROM (SELECT id, row_number() OVER w AS n FROM orders WINDOW w AS (ORDER BY id)) WHERE n <= 2 ORDER BY id',
    ],
    ['INNER JOIN', 'SELECT o.id AS id FROM orders AS o JOIN customers AS c ON o.tenant = c.tenant ORDER BY id'],
    ['LEFT JOIN', 'SELECT o.id AS id FROM orders AS o LEFT JOIN customers AS c ON o.tenant = c.tenant ORDER BY id'],
    ['RIGHT JOIN', 'SELECT o.id AS id FROM customers AS c RIGHT JOIN orders AS o ON o.tenant = c.tenant ORDER BY id'],
    ['FULL JOIN', 'SELECT o.id AS id FROM orders AS o FULL JOIN customers AS c ON o.tenant = c.tenant ORDER BY id'],
    ['CROSS JOIN', 'SELECT o.id AS id FROM orders AS o CROSS JOIN customers AS c ORDER BY id'],
    ['a comma', 'SELECT o.id AS id FROM orders AS o, customers AS c ORDER BY id'],
    ['a self-join', 'SELECT a.id AS id FROM orders AS a JOIN orders AS b USING (id) ORDER BY id'],
    ['ANY JOIN', 'SELECT o.id AS id FROM orders AS o ANY LEFT JOIN customers AS c USING (tenant) ORDER BY id'],
    ['SEMI JOIN', 'SELECT id FROM orders SEMI LEFT JOIN customers USING (tenant) ORDER BY id'],
    [
      'ASOF JOIN',
      'SELECT a.id AS id FROM orders AS a ASOF JOIN orders AS b ON a.tenant = b.tenant AND a.id >= b.id ORDER BY id',
    ],
    [
      'PASTE JOIN',
      'SELECT a.id AS id FROM (SELECT id FROM orders ORDER BY id) AS a PASTE JOIN (SELECT note FROM orders ORDER BY id) AS b ORDER BY id',
    ],
    ['GROUP BY', 'SELECT id FROM orders GROUP BY id ORDER BY id'],
    ['GROUPING SETS', 'SELECT DISTINCT id FROM orders GROUP BY GROUPING SETS ((id), (id, tenant)) ORDER BY id'],
    ['QUALIFY', 'SELECT id FROM orders QUALIFY row_number() OVER (ORDER BY id) <= 9 ORDER BY id'],
    ['an EXCEPT of columns', 'SELECT * EXCEPT (tenant, amount, kind, at, tags, note) FROM orders ORDER BY id'],
    ['a matcher of columns', "SELECT COLUMNS('^id$') FROM orders ORDER BY id"],
  ])('%s', async (_, text) => {
    const ids = (await rows(text)).map((row) => row['id'])
    expect([...new Set(ids)]).toEqual([1, 3])
  })

  test.each([
    ['trivial count', 'SELECT count() AS n FROM orders', 2],
    ['max over the index', 'SELECT max(id) AS n FROM orders', 3],
    ['min over the index', 'SELECT min(id) + max(id) AS n FROM orders', 4],
    ['LIMIT BY', 'SELECT count() AS n FROM (SELECT tenant FROM orders LIMIT 1 BY tenant)', 1],
    ['DISTINCT', 'SELECT uniqExact(tenant) AS n FROM orders', 1],
    ['WITH TOTALS', 'SELECT count() AS n FROM (SELECT tenant, count() FROM orders GROUP BY tenant WITH ROLLUP)', 2],
    ['a hidden column', 'SELECT count() AS n FROM orders WHERE _offset = 0', 2],
    ['a row that is not there', 'SELECT count() AS n FROM orders WHERE id = 2', 0],
    ['OR', "SELECT count() AS n FROM orders WHERE tenant = 'a' OR tenant = 'b' OR 1", 2],
    ['indexHint', 'SELECT count() AS n FROM orders WHERE indexHint(id = 2)', 2],
  ])('%s', async (_, text, expected) => {
    expect(await rows(text)).toEqual([{ n: expected }])
  })
})

describe('conditions of the query’s own never see rows that the filter removes', () => {
  test.each([
    ['a cast', 'SELECT count() AS n FROM wide WHERE toInt32(note) = 5'],
    ['throwIf', "SELECT count() AS n FROM wide WHERE throwIf(note = 'SECRET') = 0"],
    ['a division', 'SELECT count() AS n FROM wide WHERE intDiv(1000, small - 40) < 0'],
    ['two conditions', 'SELECT count() AS n FROM wide WHERE small > 0 AND toInt32(note) = 5'],
    [
      'a join condition',
      'SELECT count() AS n FROM wide AS a JOIN wide AS b ON a.id = b.id AND toInt32(a.note) = 5 WHERE toInt8(b.note) = 5',
    ],
    [
      'a condition over a comma join',
      'SELECT count() AS n FROM wide AS a, wide AS b WHERE a.id = b.id AND toInt32(a.note) = toInt8(b.note)',
    ],
    ['a subquery pushed down into', 'SELECT count() AS n FROM (SELECT * FROM wide) WHERE toInt32(note) = 5'],
    [
      'a common table expression',
      'WITH w AS (SELECT toInt32(note) AS v FROM wide) SELECT count() AS n FROM w WHERE v = 5',
    ],
    ['a sorted expression', 'SELECT count() AS n FROM (SELECT id FROM wide ORDER BY toInt32(note))'],
    ['an aggregate', 'SELECT sum(toInt32(note)) / 5 AS n FROM wide'],
    ['a window', 'SELECT count() AS n FROM (SELECT sum(toInt32(note)) OVER (ORDER BY id) FROM wide)'],
    [
      'having',
      'SELECT sum(c) AS n FROM (SELECT small, count() AS c FROM wide GROUP BY small, note HAVING toInt32(note) = 5)',
    ],
    ['array join', 'SELECT count() AS n FROM wide ARRAY JOIN [toInt32(note)] AS v WHERE v = 5'],
    [
      'a left join',
      'SELECT count() AS n FROM wide AS a LEFT JOIN wide AS b ON toInt32(a.note) = toInt8(b.note) AND a.id = b.id',
    ],
    [
      'a right join',
      'SELECT count() AS n FROM wide AS a RIGHT JOIN wide AS b ON toInt32(a.note) = toInt8(b.note) AND a.id = b.id',
    ],
    [
      'a condition after a left join',
      'SELECT count() AS n FROM wide AS a LEFT JOIN wide AS b USING (id) WHERE toInt32(a.note) + toInt8(b.note) = 10',
    ],
    [
      'a semi join',
      'SELECT count() AS n FROM wide AS a SEMI LEFT JOIN (SELECT id, toInt8(note) AS v FROM wide) AS b USING (id) WHERE toInt32(a.note) = 5',
    ],
    ['distinct', 'SELECT 85715 * count() AS n FROM (SELECT DISTINCT toInt32(note) FROM wide)'],
    ['an aggregate with a condition', "SELECT sumIf(toInt32(note), note != 'x') / 5 AS n FROM wide"],
    [
      'several conditions on several columns',
      'SELECT count() AS n FROM wide WHERE id >= 0 AND small < 50 AND toInt32(note) = 5 AND intDiv(1, small - 40) = 0',
    ],
    ['OR', 'SELECT count() AS n FROM wide WHERE toInt32(note) = 5 OR intDiv(1, small - 40) = 9'],
    ['a condition on the key too', 'SELECT 85715 + 0 * count() AS n FROM wide WHERE id < 5000 AND toInt32(note) = 5'],
    [
      'sorted, with a limit',
      'SELECT 85715 + 0 * count() AS n FROM (SELECT toInt32(note) AS v FROM wide ORDER BY id DESC LIMIT 10)',
    ],
    [
      'sorted by it, with a limit',
      'SELECT 85715 + 0 * count() AS n FROM (SELECT id, note FROM wide ORDER BY toInt32(note), owner LIMIT 10)',
    ],
    ['limited by it', 'SELECT 85715 + 0 * count() AS n FROM (SELECT id FROM wide LIMIT 1 BY toInt32(note))'],
    [
      'a union',
      'SELECT sum(v) / 10 AS n FROM (SELECT toInt32(note) AS v FROM wide UNION ALL SELECT toInt8(note) FROM wide)',
    ],
    ['a scalar subquery', 'SELECT (SELECT sum(toInt32(note)) FROM wide) / 5 AS n'],
    ['FINAL', 'SELECT count() AS n FROM versioned WHERE toInt32(note) = 5'],
    ['FINAL and the key', 'SELECT count() AS n FROM versioned WHERE id >= 0 AND toInt32(note) = 5'],
    ['IN', 'SELECT count() AS n FROM wide WHERE toInt32(note) IN (SELECT toInt32(note) FROM wide)'],
  ])('%s', async (_, text) => {
    // In the table itself, and in the view that masks the column of the filter.
    for (const who of [{ ...narrow, scopes: [...analyst.scopes, 'pii:read'] }, narrow]) {
      expect(await rows(text, who)).toEqual([{ n: expect.closeTo(85_715, -1) as number }])
    }
  })

  test('and PREWHERE, which would, is refused', async () => {
    const text = 'SELECT count() FROM orders PREWHERE toInt32(note) > 0'
    expect((await failureOf(run(tenantA, text))).problem).toBe('query.not_allowed')
    expect((await run(analyst, 'SELECT count() AS n FROM orders PREWHERE id > 1')).rows).toEqual([{ n: 3 }])
  })

  test('and a message of the engine shows no value', async () => {
    const failure = await failureOf(run(tenantA, "SELECT toInt32(concat('q', note)) FROM orders"))
    expect(failure.problem).toBe('query.failed')
    expect(failure.message).not.toContain('q5')
  })
})

describe('for a filtered actor a stream without a filter does not exist', () => {
  test.each([
    'SELECT * FROM {}',
    'SELECT * FROM main.{}',
    'SELECT id IN {} FROM orders',
    'SELECT id FROM orders WHERE id NOT IN {}',
    'SELECT id FROM orders WHERE id IN main.{}',
    'SELECT o.id FROM orders AS o JOIN {} AS s ON o.id = s.id',
    'SELECT (SELECT count() FROM {})',
    'WITH {} AS (SELECT * FROM {}) SELECT * FROM {}',
    'WITH x AS (SELECT * FROM {}) SELECT 1',
    'SELECT (SELECT count() FROM {}) FROM (WITH {} AS (SELECT 1) SELECT * FROM {})',
    'SELECT * FROM view(SELECT * FROM {})',
    'WITH {} AS k SELECT 1 IN k',
    'WITH [1] AS k, {} AS k SELECT 1 IN k',
    'EXPLAIN AST SELECT * FROM {}',
    'EXPLAIN SYNTAX SELECT * FROM {}',
  ])('%s', async (text) => {
    const hidden = await failureOf(run(tenantA, text.replaceAll('{}', 'secret')))
    const absent = await failureOf(run(tenantA, text.replaceAll('{}', 'sicret')))
    expect(hidden.problem).toBe('query.unknown_table')
    expect(hidden.message).toBe(absent.message.replaceAll('sicret', 'secret'))
    expect(hidden.hint).toBe(absent.hint)
  })

  test.each(['SELECT {} IN (1)', 'SELECT main.{} IN (1) FROM orders', 'SELECT {} IN (1) FROM orders'])(
    'nor is it seen on the left of IN: %s',
    async (text) => {
      const hidden = await failureOf(run(tenantA, text.replaceAll('{}', 'secret')))
      const absent = await failureOf(run(tenantA, text.replaceAll('{}', 'sicret')))
      expect(hidden.message).toBe(absent.message.replaceAll('sicret', 'secret'))
      expect([hidden.problem, hidden.hint]).toEqual([absent.problem, absent.hint])
    },
  )

  test('two names that mean each other cannot reach it', async () => {
    const text = 'WITH secret AS (SELECT * FROM orders), orders AS (SELECT * FROM secret) SELECT * FROM secret'
    expect((await failureOf(run(tenantA, text))).problem).toBe('query.not_allowed')
  })

  test('a recursive name cannot reach it', async () => {
    const answers = run(tenantA, 'WITH RECURSIVE secret AS (SELECT * FROM secret) SELECT * FROM secret')
    await expect(
      answers.then(
        ({ rows: found }) => found,
        () => [],
      ),
    ).resolves.toEqual([])
  })

  test('a literal’s alias after IN is a literal', async () => {
    expect(await rows('WITH [3, 4] AS ids SELECT id FROM orders WHERE id IN ids')).toEqual([{ id: 3 }])
  })
})

describe('a filter cannot be exchanged for another', () => {
  const two: Who = {
    ...analyst,
    filters: [
      { stream: 'orders', column: 'tenant', values: ['a'] },
      { stream: 'customers', column: 'tenant', values: ['a', 'b', 'c'] },
    ],
  }
  test.each(['`main.customers`', '`main.orders`', '`x.y`'])('by the alias %s', async (alias) => {
    expect((await failureOf(run(two, `SELECT count() FROM orders AS ${alias}`))).problem).toBe('query.not_allowed')
  })
  test('by a setting', async () => {
    for (const place of [
      "SELECT count() FROM orders SETTINGS additional_table_filters = {'main.orders': '1'}",
      "SELECT count() FROM (SELECT * FROM orders SETTINGS additional_table_filters = {'main.orders': '1'})",
      "SELECT count() FROM orders FORMAT JSON SETTINGS additional_table_filters = {'main.orders': '1'}",
      'SELECT count() FROM view(SELECT * FROM orders SETTINGS additional_table_filters = {})',
      'SELECT (SELECT count() FROM orders SETTINGS additional_table_filters = {})',
    ]) {
      const failure = await failureOf(run(two, place))
      expect(['query.not_allowed', 'query.syntax'], place).toContain(failure.problem)
    }
  })
})

describe('a filter’s values', () => {
  const on = (column: string, ...values: string[]): Who => ({
    ...analyst,
    filters: [{ stream: 'orders', column, values }],
  })
  test.each<[string, string[], number[]]>([
    ['id', ['1', '3'], [1, 3]],
    ['id', ['abc'], []],
    ['id', ['-1', '2'], [2]],
    ['id', ['18446744073709551615'], []],
    ['amount', ['10', '40.0'], [1, 4]],
    ['kind', ['y'], [2, 3]],
    ['at', ['2026-01-02 00:00:00'], [2]],
    ['at', ['not a time'], []],
    ['tenant', ["a' OR 1 = 1 --"], []],
    ['tenant', ["\\' OR 1 = 1 --"], []],
    ['tenant', ["a\\')), '1'"], []],
    ['tenant', ["'}", "a'}"], []],
    ['tenant', ['{}', '\n', '\t', '\\', "'", "''", '`', '$'], []],
    ['tenant', [], []],
    ['note', ['SECRET'], [2]],
    ['_offset', ['0'], [1, 2, 3, 4]],
  ])('%s in %j', async (column, values, expected) => {
    const found = await rows('SELECT id FROM orders ORDER BY id', on(column, ...values))
    expect(found.map((row) => row['id'])).toEqual(expected)
  })

  test('two filters of one stream both hold', async () => {
    const who: Who = {
      ...analyst,
      filters: [
        { stream: 'orders', column: 'tenant', values: ['a'] },
        { stream: 'orders', column: 'kind', values: ['y'] },
      ],
    }
    expect(await rows('SELECT id FROM orders', who)).toEqual([{ id: 3 }])
  })

  test('with quotes and backslashes find their rows, and only these', async () => {
    const odd = `o'b\\c"d\`e\nf{}`
    await fixture.warehouse.command(
      "CREATE TABLE main.odd (`we'i`rd\\\\ name` String) ENGINE = MergeTree ORDER BY tuple()".replace('i`r', 'i\\`r'),
    )
    await fixture.warehouse.insert({
      database: 'main',
      table: 'odd',
      rows: [odd, 'other'].map((value) => JSON.stringify({ "we'i`rd\\ name": value })).join('\n'),
      token: 'odd',
    })
    const who: Who = { ...analyst, filters: [{ stream: 'odd', column: "we'i`rd\\ name", values: [odd] }] }
    expect(await rows('SELECT * FROM odd', who)).toEqual([{ "we'i`rd\\ name": odd }])
  })

  test('on a column that is gone close the stream, and say so without the filter', async () => {
    const failure = await failureOf(run(on('gone', 'sesame'), 'SELECT id FROM orders'))
    expect(failure.problem).toBe('query.failed')
    expect(`${failure.message} ${failure.hint}`).not.toMatch(/sesame|accurateCast/)
  })

  test('are not shown by EXPLAIN', async () => {
    const who = on('tenant', 'sesame')
    for (const kind of ['', 'PIPELINE', 'ESTIMATE', 'indexes = 1', 'actions = 1']) {
      expect((await failureOf(run(who, `EXPLAIN ${kind} SELECT id FROM orders`))).problem).toBe('query.not_allowed')
    }
    for (const kind of ['AST', 'SYNTAX']) {
      expect((await run(who, `EXPLAIN ${kind} SELECT id FROM orders`)).text).not.toMatch(/sesame|tenant/)
    }
  })
})

test('the newest state of a row is what a filter sees', async () => {
  await fixture.warehouse.command(
    'CREATE TABLE main.states (id UInt64, tenant String, version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY id',
  )
  await fixture.warehouse.command("INSERT INTO main.states VALUES (1, 'a', 1), (2, 'b', 1)")
  await fixture.warehouse.command("INSERT INTO main.states VALUES (1, 'b', 2)")
  const by = (tenant: string): Who => ({
    ...analyst,
    filters: [{ stream: 'states', column: 'tenant', values: [tenant] }],
  })
  expect(await rows('SELECT id FROM states ORDER BY id', by('a'))).toEqual([])
  expect(await rows('SELECT id FROM states ORDER BY id', by('b'))).toEqual([{ id: 1 }, { id: 2 }])
})
