import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Failure } from '../../../mesh/errors.ts'
import { Format } from '../../../proto/gen/edgewise/query/v1/query_pb.ts'
import { analyst, callQuery, declare, failureOf, type Fixture, sql, startQuery, type Who } from './fixture.ts'
import { callBy } from '../../support/call.ts'

/**
 * Two workspaces whose streams differ in personal data and in nothing else. Whatever somebody without `pii:read` asks,
 * both must answer with the same bytes: then no answer, no order, no count and no error depends on what is masked.
 */
const columns = [
  { name: 'id', type: 'UInt64', pii: false },
  { name: 'grp', type: 'LowCardinality(String)', pii: false },
  { name: 'email', type: 'String', pii: true },
  { name: 'phone', type: 'Nullable(String)', pii: true },
  { name: 'tier', type: 'LowCardinality(String)', pii: true },
  { name: 'ssn', type: 'UInt64', pii: true },
  { name: 'born', type: 'Date', pii: true },
  { name: 'seen', type: "DateTime64(3, 'Europe/Berlin')", pii: true },
  { name: 'mood', type: String.raw`Enum8('good' = 1, 'it\'s bad' = 2)`, pii: true },
  { name: 'aliases', type: 'Array(String)', pii: true },
  { name: 'props', type: 'Map(String, String)', pii: true },
  { name: 'home.city', type: 'String', pii: true },
  { name: 'paid', type: 'Decimal(18, 2)', pii: true },
  { name: 'net', type: 'IPv4', pii: true },
  { name: 'token', type: 'UUID', pii: true },
  { name: 'code', type: 'FixedString(6)', pii: true },
  { name: 'note', type: 'String', pii: false },
] as const
const hidden = '_partition UInt16 MATERIALIZED 0, _offset UInt64 MATERIALIZED id'

function rowsOf(secret: string, digit: number): string {
  const rows = [1, 2, 3, 4].map((id) => {
    const at = (id * digit) % 5
    return [
      id,
      id % 2 === 0 ? "'even'" : "'odd'",
      `'${secret}${at}@example.com'`,
      id === digit % 4 ? 'NULL' : `'+49${secret}${at}'`,
      `'rank${secret}${at}'`,
      `${7_421_339_910 + at + digit * 1000}`,
      `'19${70 + at + digit}-02-03'`,
      `'20${10 + at + digit}-02-03 00:00:00'`,
      at % 2 === 0 ? "'good'" : "'it\\'s bad'",
      `['${secret}', '${at}']`,
      `{'k${secret}${at}': '${secret}'}`,
      `'${secret}ville'`,
      `${1234.5 + at + digit}`,
      `'203.0.${at}.${digit}'`,
      `'6f1d2c3b-4a59-4687-9abc-0000${digit}${at}00beef'`,
      `'x${secret.slice(0, 4)}${at}'`,
      `'${id}'`,
    ].join(', ')
  })
  return rows.map((row) => `(${row})`).join(', ')
}

const workspaces = { main: rowsOf('Sesame', 2), twin: rowsOf('Rhubarb', 3) } as const
const secrets = /sesame|rhubarb|rank[sr]|\+49|example\.com|7421339|203\.0|beef/i

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
  const { warehouse } = fixture
  for (const [workspace, rows] of Object.entries(workspaces)) {
    await warehouse.command(`CREATE DATABASE IF NOT EXISTS ${workspace}`)
    const list = columns.map(({ name, type }) => `\`${name}\` ${type}`)
    await warehouse.command(
      `CREATE TABLE ${workspace}.people (${list.join(', ')}, ${hidden}) ENGINE = MergeTree ORDER BY id`,
    )
    await warehouse.command(`INSERT INTO ${workspace}.people VALUES ${rows}`)
    await declare(fixture, workspace, 'people', columns)
    await warehouse.command(
      `CREATE TABLE ${workspace}.visits (id UInt64, page String, ${hidden}) ENGINE = MergeTree ORDER BY id`,
    )
    await warehouse.command(`INSERT INTO ${workspace}.visits VALUES (1, 'a'), (2, 'b'), (9, 'c')`)
    await declare(fixture, workspace, 'visits', [
      { name: 'id', type: 'UInt64', pii: false },
      { name: 'page', type: 'String', pii: false },
    ])
  }
})
afterAll(() => fixture.close())

const seer: Who = { ...analyst, scopes: [...analyst.scopes, 'pii:read'] }

/** Everything that an asker is told: the answer's bytes and numbers, or the failure in all its words. */
async function told(who: Who, text: string): Promise<string> {
  try {
    const answer = await sql(fixture.service, who, text, { format: Format.JSON })
    const { statistics: _, ...rest } = JSON.parse(answer.text) as Record<string, unknown>
    return JSON.stringify([rest, Number(answer.tail?.rows ?? 0), Number(answer.tail?.rowsRead ?? 0)])
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    return JSON.stringify([thrown.problem, thrown.message, thrown.hint, thrown.errors])
  }
}

async function toldInBoth(who: Who, text: string): Promise<readonly [string, string]> {
  const one = await told({ ...who, workspace: 'main' }, text)
  const other = await told({ ...who, workspace: 'twin' }, text)
  return [one, other.replaceAll('(twin.', '(main.').replaceAll('"twin"', '"main"')]
}

/** Each of these tells the two workspaces apart for whoever may see personal data: they are real attacks. */
const attacks: readonly (readonly [string, string])[] = [
  ['every column', 'SELECT * FROM people ORDER BY id'],
  ...columns
    .filter(({ pii }) => pii)
    .map(({ name, type }) => [`${name} ${type}`, `SELECT \`${name}\` FROM people ORDER BY id`] as const),
  ['FROM first', 'FROM people SELECT email ORDER BY id'],
  ['a column with its stream', 'SELECT people.email FROM people ORDER BY id'],
  ['an alias of the stream', 'SELECT p.email, p.`home.city` FROM people AS p ORDER BY p.id'],
  ['an alias of the column', 'SELECT email AS note, note AS email FROM people ORDER BY id'],
  ['an alias that takes the name of another', 'SELECT email AS id FROM people ORDER BY note'],
  ['a qualified asterisk', 'SELECT p.* FROM people AS p ORDER BY p.id'],
  ['EXCEPT of columns', 'SELECT * EXCEPT (id, note) FROM people ORDER BY id'],
  ['REPLACE of columns', 'SELECT * REPLACE (upper(email) AS note) FROM people ORDER BY id'],
  ['COLUMNS by a pattern', "SELECT COLUMNS('^e') FROM people ORDER BY id"],
  ['COLUMNS by names', 'SELECT COLUMNS(email, phone) FROM people ORDER BY id'],
  ['a function', 'SELECT hex(email), reverse(email), base64Encode(email), length(email) FROM people ORDER BY id'],
  ['a hash', 'SELECT sipHash64(email), cityHash64(email) FROM people ORDER BY id'],
  ['a cast', "SELECT toString(ssn), CAST(born, 'String'), toUnixTimestamp(seen) FROM people ORDER BY id"],
  ['a subcolumn', 'SELECT phone.null, aliases.size0, props.keys FROM people ORDER BY id'],
  ['getSubcolumn', "SELECT getSubcolumn(props, 'keys') FROM people ORDER BY id"],
  ['a tuple', 'SELECT tuple(id, email).2, (id, email) AS t, t.2 FROM people ORDER BY id'],
  ['a tuple of everything', 'SELECT tuple(*) FROM people ORDER BY id'],
  ['JSON of a row', 'SELECT toJSONString(tuple(*)) FROM people ORDER BY id'],
  ['JSON functions', "SELECT JSONExtractString(concat('{\"a\":\"', email, '\"}'), 'a') FROM people ORDER BY id"],
  ['a map', "SELECT map('email', email)['email'], props['kSesame4'] FROM people ORDER BY id"],
  ['arrayJoin', 'SELECT arrayJoin(aliases) FROM people ORDER BY id'],
  ['ARRAY JOIN', 'SELECT a FROM people ARRAY JOIN aliases AS a ORDER BY id'],
  ['a lambda', "SELECT arrayMap(x -> concat(x, email), ['<']) FROM people ORDER BY id"],
  ['a lambda over an aggregate', "SELECT arrayFilter(x -> x > 'S', groupArray(email)) FROM people"],
  ['formatting', "SELECT format('{}', email), formatRow('CSV', email) FROM people ORDER BY id"],
  ['formatting alone', "SELECT format('{}', email) FROM people ORDER BY id"],
  ['WHERE', "SELECT id FROM people WHERE email = 'Sesame2@example.com' ORDER BY id"],
  ['LIKE', "SELECT count() FROM people WHERE email LIKE 'Ses%'"],
  ['a regular expression', "SELECT countIf(match(email, '^S.*[34]@')) FROM people"],
  ['BETWEEN', "SELECT id FROM people WHERE email BETWEEN 'S' AND 'T' ORDER BY id"],
  ['IN a list', 'SELECT id FROM people WHERE ssn IN (7421341912, 7421341914) ORDER BY id'],
  ['HAVING', "SELECT grp FROM people GROUP BY grp HAVING max(email) > 'Sesame' ORDER BY grp"],
  ['QUALIFY', 'SELECT id FROM people QUALIFY row_number() OVER (ORDER BY email) = 1'],
  ['ORDER BY', 'SELECT id FROM people ORDER BY email, id'],
  ['ORDER BY a position', 'SELECT email, id FROM people ORDER BY 1, 2'],
  ['ORDER BY ALL', 'SELECT email FROM people ORDER BY ALL'],
  ['ORDER BY a function', 'SELECT id FROM people ORDER BY sipHash64(email), id'],
  ['LIMIT BY', 'SELECT id, at FROM (SELECT id, tier AS at FROM people ORDER BY ssn) LIMIT 1 BY at'],
  ['DISTINCT', 'SELECT DISTINCT tier FROM people ORDER BY 1'],
  ['DISTINCT ON', 'SELECT DISTINCT ON (mood) id FROM people ORDER BY ssn'],
  ['GROUP BY', 'SELECT email, count() FROM people GROUP BY email ORDER BY email'],
  ['GROUP BY ALL', 'SELECT email, count() FROM people GROUP BY ALL ORDER BY email'],
  ['ROLLUP', 'SELECT email, grp, count() FROM people GROUP BY ROLLUP(email, grp) ORDER BY email, grp'],
  ['WITH TOTALS', 'SELECT grp, max(email) FROM people GROUP BY grp WITH TOTALS ORDER BY grp'],
  ['aggregates', 'SELECT min(email), max(email), any(email), groupArray(email), sum(ssn), avg(paid) FROM people'],
  ['argMax', 'SELECT argMax(email, id), argMin(id, ssn) FROM people'],
  ['a combinator', "SELECT groupArrayIf(email, grp = 'even'), uniqExact(tier), topK(2)(tier) FROM people"],
  ['a state', 'SELECT hex(groupArrayState(email)) FROM people'],
  ['a state merged', 'SELECT groupArrayMerge(s) FROM (SELECT groupArrayState(email) AS s FROM people)'],
  ['quantiles', 'SELECT quantileExact(ssn), median(paid) FROM people'],
  ['a window', 'SELECT id, first_value(email) OVER (PARTITION BY grp ORDER BY id) FROM people ORDER BY id'],
  ['a named window', 'SELECT id, lagInFrame(email) OVER w FROM people WINDOW w AS (ORDER BY ssn) ORDER BY id'],
  ['rank', 'SELECT id, rank() OVER (ORDER BY email) FROM people ORDER BY id'],
  ['a subquery', 'SELECT x FROM (SELECT email AS x FROM people) ORDER BY x'],
  ['a subquery of a subquery', 'SELECT * FROM (SELECT * FROM (SELECT * FROM people)) ORDER BY id'],
  ['a scalar subquery', 'SELECT (SELECT max(email) FROM people) AS m'],
  [
    'a correlated subquery',
    'SELECT id, (SELECT max(p.email) FROM people AS p WHERE p.id = v.id) FROM visits AS v ORDER BY id',
  ],
  ['EXISTS', "SELECT EXISTS (SELECT 1 FROM people WHERE email LIKE 'Ses%')"],
  ['IN a subquery', "SELECT 'Sesame2@example.com' IN (SELECT email FROM people)"],
  ['NOT IN a subquery', 'SELECT id FROM visits WHERE 7421341912 NOT IN (SELECT ssn FROM people) ORDER BY id'],
  ['GLOBAL IN', "SELECT 'Sesame2@example.com' GLOBAL IN (SELECT email FROM people)"],
  ['a common table expression', 'WITH p AS (SELECT email FROM people) SELECT * FROM p ORDER BY 1'],
  ['one that takes its name', 'WITH people AS (SELECT * FROM people) SELECT email FROM people ORDER BY id'],
  ['two of them', 'WITH a AS (SELECT * FROM people), b AS (SELECT email AS e FROM a) SELECT e FROM b ORDER BY e'],
  ['one that is IN', "WITH p AS (SELECT email FROM people) SELECT 'Sesame2@example.com' IN p"],
  ['a scalar in WITH', 'WITH (SELECT max(email) FROM people) AS m SELECT m FROM visits ORDER BY id'],
  [
    'a recursive one',
    'WITH RECURSIVE r AS (SELECT id, email FROM people WHERE id = 1 UNION ALL SELECT p.id, p.email FROM people AS p, r WHERE p.id = r.id + 1) SELECT email FROM r ORDER BY id',
  ],
  ['UNION ALL', 'SELECT email FROM people UNION ALL SELECT note FROM people ORDER BY 1'],
  ['UNION DISTINCT', 'SELECT mood FROM people UNION DISTINCT SELECT mood FROM people'],
  ['INTERSECT', "SELECT email FROM people INTERSECT SELECT 'Sesame2@example.com'"],
  ['EXCEPT', "SELECT 'Sesame2@example.com' EXCEPT SELECT email FROM people"],
  ['INNER JOIN', 'SELECT p.email FROM visits AS v JOIN people AS p ON p.id = v.id ORDER BY v.id'],
  ['LEFT JOIN', 'SELECT v.id, p.email FROM visits AS v LEFT JOIN people AS p ON p.id = v.id ORDER BY v.id'],
  ['RIGHT JOIN', 'SELECT p.id, p.email FROM visits AS v RIGHT JOIN people AS p ON p.id = v.id ORDER BY p.id'],
  ['FULL JOIN', 'SELECT p.email FROM visits AS v FULL JOIN people AS p ON p.id = v.id ORDER BY 1'],
  ['CROSS JOIN', 'SELECT p.email FROM visits AS v, people AS p ORDER BY 1'],
  [
    'SEMI JOIN',
    "SELECT id FROM (SELECT 1 AS id, 'Sesame2@example.com' AS e) AS g SEMI LEFT JOIN people AS p ON p.email = g.e",
  ],
  [
    'ANTI JOIN',
    "SELECT id FROM (SELECT 1 AS id, 'Sesame2@example.com' AS e) AS g ANTI LEFT JOIN people AS p ON p.email = g.e",
  ],
  ['USING', "SELECT count() FROM (SELECT 'Sesame2@example.com' AS email) AS g JOIN people USING (email)"],
  [
    'ASOF JOIN',
    "SELECT v.id, p.id FROM (SELECT id, toUInt64(7421341913) AS s, 'odd' AS g FROM visits) AS v ASOF LEFT JOIN people AS p ON p.grp = v.g AND v.s >= p.ssn ORDER BY v.id",
  ],
  [
    'a self join',
    'SELECT a.id, b.id FROM people AS a JOIN people AS b ON a.grp = b.grp AND a.email < b.email ORDER BY 1, 2',
  ],
  ['view()', 'SELECT email FROM view(SELECT * FROM people) ORDER BY 1'],
  ['an error that quotes a value', 'SELECT toInt32(email) FROM people'],
  ['an error from a condition', 'SELECT count() FROM people WHERE toDate(tier) > today()'],
  ['an error by a condition', "SELECT throwIf(email LIKE 'Ses%', 'yes') FROM people"],
  ['an error with the value in it', "SELECT throwIf(1, 'x') FROM people WHERE startsWith(email, 'Sesame')"],
  ['a division by what is hidden', 'SELECT intDiv(1, ssn - 7421341912) FROM people ORDER BY id'],
  ['an index that is hidden', "SELECT ['a', 'b', 'c', 'd', 'e'][toUInt8(ssn % 5) + 1] FROM people ORDER BY id"],
  ['a time that is hidden', "SELECT dateDiff('year', born, toDate('2026-01-01')) FROM people ORDER BY id"],
  ['a short circuit', "SELECT if(email LIKE 'Ses%', throwIf(1), 0) FROM people"],
  [
    'the number of rows that were read',
    "SELECT id FROM visits WHERE id IN (SELECT id FROM people WHERE email LIKE 'Ses%') ORDER BY id",
  ],
  ['nullIf and coalesce', "SELECT nullIf(tier, 'rankSesame2'), coalesce(phone, email) FROM people ORDER BY id"],
  ['transform', "SELECT transform(tier, ['rankSesame2'], ['yes'], 'no') FROM people ORDER BY id"],
  ['bits', 'SELECT bitAnd(ssn, 1), ssn % 2 FROM people ORDER BY id'],
  ['running over rows', 'SELECT sum(ssn) OVER (ORDER BY id) FROM people ORDER BY id'],
  ['FILL', 'SELECT ssn AS n FROM people ORDER BY n WITH FILL FROM 7421341910 TO 7421341916'],
  ['INTERPOLATE', 'SELECT id, email FROM people ORDER BY id WITH FILL TO 7 INTERPOLATE (email AS email)'],
  ['SAMPLE', 'SELECT email FROM people SAMPLE 1'],
  ['a format', 'SELECT email FROM people ORDER BY id FORMAT JSON'],
  ['FINAL', 'SELECT email FROM people FINAL ORDER BY id'],
  ['other names for the columns', 'SELECT c FROM people AS p(a, b, c) ORDER BY a'],
  ['PASTE JOIN', 'SELECT email FROM visits PASTE JOIN (SELECT email FROM people ORDER BY id) AS p ORDER BY id'],
  ['names and values', 'SELECT tupleToNameValuePairs(tuple(email, phone)) FROM people ORDER BY id'],
  ['untuple', 'SELECT untuple((id, email)) FROM people ORDER BY id'],
  ['keys of a map', 'SELECT arrayJoin(mapKeys(props)) FROM people ORDER BY id'],
  ['LIMIT WITH TIES', 'SELECT id FROM people ORDER BY mood LIMIT 1 WITH TIES'],
  ['GROUPING SETS', 'SELECT grp, email FROM people GROUP BY GROUPING SETS ((grp), (email)) ORDER BY grp, email'],
  ['COLLATE', "SELECT id FROM people ORDER BY email COLLATE 'de'"],
  ['sizes', 'SELECT byteSize(email), toColumnTypeName(aliases), isConstant(email) FROM people ORDER BY id'],
  ['how well it compresses', 'SELECT estimateCompressionRatio(email) FROM people'],
  ['entropy', 'SELECT entropy(ssn), stringBytesEntropy(any(tier)) FROM people'],
  ['a distance', "SELECT ngramDistance(email, 'Sesame') FROM people ORDER BY id"],
  ['a search for many', "SELECT multiSearchAny(email, ['Ses']) FROM people ORDER BY id"],
  ['parsing', 'SELECT toUInt64OrNull(substring(tier, 11)) FROM people ORDER BY id'],
  ['a parameter’s place', "SELECT count() FROM people WHERE email > 'Sa' AND email < 'Sf'"],
  ['a subquery that reads itself', 'SELECT email FROM (SELECT * FROM people AS people) AS people ORDER BY id'],
  ['a name in backticks', 'SELECT `people`.`email` FROM `people` ORDER BY `id`'],
  ['the system’s columns', 'SELECT _part, _partition_id, _partition_value FROM people ORDER BY id'],
  ['the place of a row', 'SELECT _part_offset, _row_exists FROM people ORDER BY id'],
  ...['', 'actions = 1, indexes = 1', 'AST', 'SYNTAX', 'PIPELINE', 'ESTIMATE'].map(
    (kind) => [`EXPLAIN ${kind}`, `EXPLAIN ${kind} SELECT id FROM people WHERE email LIKE 'S%' AND id > 1`] as const,
  ),
]

/** Those that fail alike for everybody, or answer alike because they say nothing of rows. */
const harmless = new Set([
  'formatting',
  'SAMPLE',
  'a short circuit',
  'FINAL',
  'other names for the columns',
  'names and values',
  'the system’s columns',
  'the place of a row',
])

describe('personal data is masked for whoever may not see it', () => {
  test.each(attacks)('%s', async (name, text) => {
    const [one, other] = await toldInBoth(analyst, text)
    expect(other).toBe(one)
    expect(one).not.toMatch(secretsBut(text))
    if (harmless.has(name) || name.startsWith('EXPLAIN')) return
    const [seen, seenOther] = await toldInBoth(seer, text)
    expect(seenOther, 'the attack would tell nothing even unmasked').not.toBe(seen)
  })

  test('in every format', async () => {
    for (const format of [Format.JSON, Format.NDJSON, Format.CSV, Format.PARQUET, Format.ARROW]) {
      const { bytes } = await sql(fixture.service, analyst, 'SELECT * FROM people', { format })
      expect(bytes.toString('latin1')).not.toMatch(secrets)
    }
  })

  test('with constants of the same types', async () => {
    const { rows } = await sql(fixture.service, analyst, 'SELECT * FROM people WHERE id = 1')
    expect(rows).toEqual([
      {
        id: 1,
        grp: 'odd',
        email: '',
        phone: null,
        tier: '',
        ssn: 0,
        born: '1970-01-01',
        seen: '1970-01-01T00:00:00.000Z',
        mood: 'good',
        aliases: [],
        props: {},
        'home.city': '',
        paid: '0.00',
        net: '0.0.0.0',
        token: '00000000-0000-0000-0000-000000000000',
        code: '\0\0\0\0\0\0',
        note: '1',
      },
    ])
    const types = (text: string) => text.replaceAll(/"(data|rows|statistics)":.*/gs, '')
    const masked = await sql(fixture.service, analyst, 'SELECT * FROM people', { format: Format.JSON })
    const plain = await sql(fixture.service, seer, 'SELECT * FROM people', { format: Format.JSON })
    expect(types(masked.text)).toBe(types(plain.text))
  })

  test('and all else is as it is', async () => {
    const { rows } = await sql(
      fixture.service,
      analyst,
      'SELECT grp, count() AS n, groupArray(v.page) AS pages, max(_offset) AS last FROM people AS p JOIN visits AS v ON v.id = p.id GROUP BY grp ORDER BY grp',
    )
    expect(rows).toEqual([
      { grp: 'even', n: 1, pages: ['b'], last: 2 },
      { grp: 'odd', n: 1, pages: ['a'], last: 1 },
    ])
  })
})

/** What the asker wrote itself may be in the answer. */
function secretsBut(text: string): RegExp {
  const parts = secrets.source.split('|').filter((part) => !new RegExp(part, 'i').test(text))
  return parts.length === 0 ? /(?!)/ : new RegExp(parts.join('|'), 'i')
}

describe('what a mask cannot be put over is refused', () => {
  test.each([
    ['the workspace before the stream', 'SELECT email FROM main.people'],
    ['the workspace in a subquery', 'SELECT 1 WHERE EXISTS (SELECT email FROM main.people)'],
    ['the workspace after IN', 'SELECT 1 IN main.people'],
    ['the workspace behind an alias after IN', 'WITH main.people AS p SELECT (SELECT max(id) FROM people), 1 IN p'],
    ['the workspace beside a masked one', 'SELECT p.id FROM people AS p JOIN main.people AS q ON q.id = p.id'],
    ['PREWHERE', "SELECT id FROM people PREWHERE email = 'x'"],
  ])('%s', async (_, text) => {
    const failure = await failureOf(sql(fixture.service, analyst, text))
    expect(failure.problem).toBe('query.not_allowed')
  })

  test.each([
    ['the other database', 'SELECT * FROM _masked_main.people'],
    ['the other database, of another workspace', 'SELECT * FROM _masked_twin.people'],
    ['the other workspace', 'SELECT * FROM twin.people'],
  ])('%s does not exist', async (_, text) => {
    expect((await failureOf(sql(fixture.service, analyst, text))).problem).toBe('query.unknown_table')
    expect((await failureOf(sql(fixture.service, seer, text))).problem).toBe('query.unknown_table')
  })

  test('a stream whose mask is missing does not exist', async () => {
    await fixture.warehouse.command('CREATE TABLE main.fresh (id UInt64, email String) ENGINE = MergeTree ORDER BY id')
    await declare(fixture, 'main', 'fresh', [{ name: 'email', type: 'String', pii: true }])
    await fixture.warehouse.command('DROP VIEW _masked_main.fresh SYNC')
    const failure = await failureOf(sql(fixture.service, analyst, 'SELECT id FROM fresh'))
    expect([failure.problem, failure.message]).toEqual(['query.unknown_table', 'There is no stream `fresh`.'])
  })
})

describe('who sees it', () => {
  const email = 'SELECT max(email) AS e FROM people'
  const max = async (who: Who, text = email) => (await sql(fixture.service, who, text)).rows[0]?.['e']

  test('is whoever holds pii:read, for all streams or for that one', async () => {
    expect(await max(seer)).toMatch(/^Sesame/)
    expect(await max({ ...analyst, scopes: [...analyst.scopes, 'pii:read:people'] })).toMatch(/^Sesame/)
    expect(await max({ ...analyst, scopes: [...analyst.scopes, 'pii:read:visits'] })).toBe('')
  })

  test('is the caller of a published query, not who published it', async () => {
    const request = { name: 'newest', sql: email, parameters: [], description: '', ifVersion: 0, dryRun: false }
    await fixture.service.putQuery({ $typeName: 'edgewise.query.v1.PutQueryRequest', ...request }, callBy(seer))
    expect((await callQuery(fixture.service, seer, 'newest')).rows[0]?.['e']).toMatch(/^Sesame/)
    expect((await callQuery(fixture.service, analyst, 'newest')).rows[0]?.['e']).toBe('')
    expect((await callQuery(fixture.service, seer, 'newest')).rows[0]?.['e']).toMatch(/^Sesame/)
  })

  test('does not depend on a price that was asked for before', async () => {
    const plan = { name: 'small', requests: 0, windowSeconds: 60, rows: 1_000n, bytes: 1_000_000n }
    expect(await max({ ...seer, plan })).toMatch(/^Sesame/)
    expect(await max({ ...analyst, plan })).toBe('')
  })

  test('a row filter by personal data holds, and is not seen', async () => {
    const who: Who = {
      ...analyst,
      filters: [
        { stream: 'people', column: 'email', values: ['Sesame2@example.com'] },
        { stream: 'visits', column: 'id', values: ['1', '2'] },
      ],
    }
    const { rows } = await sql(fixture.service, who, 'SELECT id, email, note FROM people')
    expect(rows).toEqual([{ id: 1, email: '', note: '1' }])
    const failure = await failureOf(
      sql(fixture.service, who, "SELECT throwIf(note != '1') FROM people").then(() => {
        throw new Failure('query.failed', 'only the one row was looked at')
      }),
    )
    expect(failure.message).toBe('only the one row was looked at')
    const joined = await sql(fixture.service, who, 'SELECT p.id FROM people AS p JOIN visits AS v ON v.id = p.id')
    expect(joined.rows).toEqual([{ id: 1 }])
  })
})
