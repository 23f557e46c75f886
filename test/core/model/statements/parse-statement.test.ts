import { array, assert, constantFrom, integer, nat, property, string, tuple } from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseStatement } from '../../../../core/model/statements/parse-statement.ts'
import { sampleData } from '../../../support/optional.ts'
import { failureOf, gap, inCase, inQuotes, literal, outcomeOf, withoutSpans } from './gaps.ts'

const day = 86_400_000
const select = 'SELECT * FROM customers'

/** Each statement as words: `@name` is a name, `(…)` stays as it is, capitals are keywords. */
const statements: readonly (readonly [string, object])[] = [
  [
    `CREATE MODEL @churn FROM (${select}) PREDICT @Churn`,
    { kind: 'create_model', model: { name: 'churn' }, from: { sql: select }, predict: { name: 'Churn' } },
  ],
  [
    `CREATE OR REPLACE MODEL @demand FROM (${select}) PREDICT @passengers ORDER BY @at GROUP BY @zone , @kind WINDOW 48 HORIZON 1_000 USING @placement = 'core' , @seed = 7 FORMAT JSON ;`,
    {
      orReplace: true,
      orderBy: { name: 'at' },
      groupBy: [{ name: 'zone' }, { name: 'kind' }],
      window: 48,
      horizon: 1_000,
      options: { placement: 'core', seed: 7 },
      format: 'JSON',
    },
  ],
  [
    `CREATE MODEL IF NOT EXISTS @segments FROM (${select}) USING @engine = 'kmeans' , @k = 4 , @tags = [ 'a' , 'b' ]`,
    { ifNotExists: true, predict: undefined, options: { engine: 'kmeans', k: 4, tags: ['a', 'b'] } },
  ],
  [`RETRAIN @churn`, { kind: 'retrain_model', from: undefined, everyMs: undefined, options: {} }],
  [
    `RETRAIN MODEL @churn FROM (${select}) EVERY 1 DAY USING @depth = 3`,
    { kind: 'retrain_model', from: { sql: select }, everyMs: day, options: { depth: 3 } },
  ],
  [`RETRAIN @churn EVERY 10 MINUTES`, { everyMs: 600_000 }],
  [`DROP MODEL @churn`, { kind: 'drop_model', ifExists: false, model: { name: 'churn', version: undefined } }],
  [`DROP MODEL IF EXISTS @churn . 3`, { kind: 'drop_model', ifExists: true, model: { name: 'churn', version: 3 } }],
  [`DROP SCHEDULE IF EXISTS FOR MODEL @churn`, { kind: 'drop_schedule', ifExists: true, model: { name: 'churn' } }],
  [`DROP WATCH IF EXISTS FOR MODEL @churn`, { kind: 'drop_watch', ifExists: true, model: { name: 'churn' } }],
  [`SHOW MODELS`, { kind: 'show_models', like: undefined }],
  [`SHOW MODELS LIKE 'ch%' FORMAT CSV`, { kind: 'show_models', like: 'ch%', format: 'CSV' }],
  [`DESCRIBE MODEL @churn`, { kind: 'describe_model', aspect: 'info', model: { name: 'churn', version: undefined } }],
  [`DESC MODEL @churn . 3 . @card`, { kind: 'describe_model', aspect: 'card', model: { version: 3 } }],
  [`DESCRIBE MODEL @churn . @jobs`, { kind: 'describe_model', aspect: 'jobs', model: { version: undefined } }],
  [`EVALUATE @auc FROM (${select})`, { kind: 'evaluate', metric: 'auc', from: { sql: select } }],
  [`SET MODEL @churn LIVE 3`, { kind: 'set_live', model: { name: 'churn' }, version: 3 }],
  [`SET MODEL @churn LOG 0.25`, { kind: 'set_log', model: { name: 'churn' }, share: 0.25 }],
  [`DESCRIBE MODEL @churn . @shadow`, { kind: 'describe_model', aspect: 'shadow' }],
  [`SET MODEL @odd WATCH EVERY 1 MINUTE`, { kind: 'set_watch', model: { name: 'odd' }, everyMs: 60_000 }],
  [`DESCRIBE MODEL @odd . @watch`, { kind: 'describe_model', aspect: 'watch' }],
  [`CANCEL TRAINING '0198-a'`, { kind: 'cancel_training', job: '0198-a' }],
  [
    `CREATE ROLLOUT FOR MODEL @churn VERSION 3 STEPS ( 5 , 50 , 100 ) EVERY 10 MINUTES GATE (${select})`,
    {
      kind: 'create_rollout',
      version: 3,
      steps: [5, 50, 100],
      everyMs: 600_000,
      gate: { sql: select },
      shadow: undefined,
    },
  ],
  [
    `CREATE ROLLOUT FOR MODEL @churn VERSION 3 SHADOW 0.1`,
    { kind: 'create_rollout', version: 3, steps: [], gate: undefined, shadow: 0.1 },
  ],
  [`CREATE ROLLOUT FOR MODEL @churn VERSION 3 SHADOW`, { shadow: 1 }],
  [`PAUSE ROLLOUT FOR MODEL @churn`, { kind: 'pause_rollout', model: { name: 'churn' } }],
  [`RESUME ROLLOUT FOR MODEL @churn`, { kind: 'resume_rollout' }],
  [`ABORT ROLLOUT FOR MODEL @churn`, { kind: 'abort_rollout' }],
]

const wordsOf = (text: string): readonly string[] => text.match(/\(SELECT[^)]*\)|'[^']*'|\S+/g) ?? []
const plain = (text: string): string => text.replaceAll('@', '')

describe('a statement about models', () => {
  test.each(statements)('%s', (text, expected) => {
    expect(parseStatement(plain(text))).toMatchObject(expected)
  })

  test('means the same in any case, with any quotes, spaces and comments', () => {
    assert(
      property(
        constantFrom(...statements),
        array(gap, { minLength: 50, maxLength: 50 }),
        nat(),
        (statement, gaps, seed) => {
          const [text] = statement
          const written = wordsOf(text).map((word, at) => {
            if (word.startsWith('@')) return inQuotes(word.slice(1), seed + at)
            return /^[A-Z]+$/.test(word) ? (word === 'JSON' || word === 'CSV' ? word : inCase(word, seed + at)) : word
          })
          const spread = written.map((word, at) => `${gaps[at] ?? ' '}${word}`).join('')
          const parsed = parseStatement(`${spread}${gaps.at(-1) ?? ''}`)
          expect(withoutSpans(parsed)).toEqual(withoutSpans(parseStatement(plain(text))))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('has its SELECT as it was written, and knows where', () => {
    const inner = ` SELECT ')', "a)", \`b)\`, $$)$$, $x$ ) $$ $x$, [1], ('(') /* ) /* ) */ */ FROM t -- )\n # )\n `
    const sql = `-- first\nCREATE MODEL churn FROM (${inner}) PREDICT c`
    const parsed = parseStatement(sql)
    expect(parsed).toMatchObject({ from: { sql: inner, start: sql.indexOf(inner), end: sql.indexOf(') PREDICT') } })
  })

  test('has its clauses in any order, each once', () => {
    const text = `CREATE MODEL m FROM (SELECT 1) HORIZON 2 GROUP BY k ORDER BY t ASC PREDICT y`
    expect(parseStatement(text)).toMatchObject({ horizon: 2, predict: { name: 'y' }, orderBy: { name: 't' } })
    const failure = failureOf(() => parseStatement(`CREATE MODEL m FROM (SELECT 1) PREDICT y PREDICT z`))
    expect(failure.message).toBe('Expected ORDER BY, GROUP BY, WINDOW, HORIZON, USING or the end, not `PREDICT`.')
  })

  test('cut off anywhere is a statement still, or an error with a place', () => {
    for (const [text] of statements) {
      const sql = plain(text)
      for (let end = 0; end < sql.length; end++) {
        const outcome = outcomeOf(() => parseStatement(sql.slice(0, end)))
        expect([sql.slice(0, end), outcome]).toEqual([
          sql.slice(0, end),
          expect.stringMatching(/^(?:parsed|none|query\.syntax [1-9]\d*:[1-9]\d*)$/),
        ])
      }
    }
  })

  test('with anything in the midst of it is one, or an error with a place', () => {
    const pieces = constantFrom(
      ...`( ) [ ] { } ' " \` $$ /* */ -- # ; , . = - -> \\ 0 1.5.5 9a x' ‘ “ ” é \0 😀 FROM SELECT`.split(' '),
    )
    assert(
      property(
        constantFrom(...statements),
        array(tuple(nat(200), pieces, nat(4)), { minLength: 1, maxLength: 4 }),
        string({ maxLength: 4 }),
        ([text], edits, tail) => {
          let sql = plain(text)
          for (const [at, piece, dropped] of edits) sql = sql.slice(0, at) + piece + sql.slice(at + dropped)
          expect(outcomeOf(() => parseStatement(sql + tail))).toMatch(
            /^(?:parsed|none|query\.syntax [1-9]\d*:[1-9]\d*)$/,
          )
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

test.each([
  '',
  ';',
  'SELECT 1',
  "SELECT 'CREATE MODEL'",
  'WITH 1 AS x SELECT x',
  'FROM t SELECT 1',
  '(SELECT 1)',
  'EXPLAIN SELECT 1',
  'CREATE TABLE t (a Int8)',
  'CREATE OR REPLACE VIEW v AS SELECT 1',
  'DROP TABLE models',
  'SHOW TABLES',
  'SHOW CREATE TABLE t',
  'DESCRIBE TABLE t',
  'SET max_threads = 1',
  'VALUES (1)',
  "'",
  '/*',
  'é',
])('%s is none', (text) => {
  expect(parseStatement(text)).toBeUndefined()
})

describe('what is wrong is said', () => {
  test.each([
    ['RETRIAN churn', '1:1', 'Did you mean `RETRAIN`?'],
    ['CREATE MODLE m FROM (SELECT 1)', '1:8', 'Did you mean `MODEL`?'],
    ['CREATE\nMODEL m FORM (SELECT 1)', '2:9', 'Did you mean `FROM`?'],
    ['CREATE MODEL m FROM (SELECT 1) PREDCT y', '1:32', 'Did you mean `PREDICT`?'],
    ['CREATE MODEL m FROM (SELECT 1) PREDICT y USNG seed = 1', '1:42', 'Did you mean `USING`?'],
    ['CREATE MODEL m FROM (SELECT 1) PREDICT y USING dept = 1', '1:48', 'Did you mean `depth`?'],
    ['CREATE MODEL m FROM (SELECT 1) PREDICT y USING n_estimators = 1', '1:48', 'Did you mean `rounds`?'],
    ["CREATE MODEL m FROM (SELECT 1) PREDICT y USING engine = 'gdbt'", '1:57', "Did you mean 'gbdt'?"],
    ['CREATE MODEL m FROM (SELECT 1) PREDICT y USING horizon = 1', '1:48', 'Write HORIZON n before USING.'],
    [
      "CREATE MODEL m FROM (SELECT 1) PREDICT y USING engine = 'linear', depth = 3",
      '1:75',
      "It belongs to gbdt: say USING engine = 'gbdt', or leave it out.",
    ],
    [
      'CREATE MODEL m FROM (SELECT 1) PREDICT y GROUP BY k',
      '1:42',
      "It belongs to forecast or anomaly: say USING engine = 'forecast', or leave it out.",
    ],
    ['RETRAIN churn EVERY 0', '1:21', 'To end a schedule: DROP SCHEDULE FOR MODEL churn.'],
    ['SET MODEL odd WATCH EVERY 0', '1:27', 'To watch no more: DROP WATCH FOR MODEL odd.'],
    ['SET MODEL odd WACTH EVERY 1 HOUR', '1:15', 'Did you mean `WATCH`?'],
    ['SHOW MODEL', '1:6', 'Did you mean `MODELS`?'],
    ['DESCRIBE MODEL churn.metrisc', '1:22', 'Did you mean `metrics`?'],
    ['EVALUATE acu FROM (SELECT 1)', '1:10', 'Did you mean `auc`?'],
  ])('%s', (text, place, hint) => {
    const failure = failureOf(() => parseStatement(text))
    const [first] = failure.errors
    expect([failure.problem, `${first?.line}:${first?.column}`, failure.hint]).toEqual(['query.syntax', place, hint])
  })

  test.each([
    ['CREATE MODEL FROM (SELECT 1)', 'Expected IF NOT EXISTS or a model’s name, not `FROM`.'],
    ['CREATE MODEL Churn FROM (SELECT 1)', '`Churn` cannot be the name of a model.'],
    ['CREATE MODEL m FROM (', 'Expected SELECT, but the text ends.'],
    ['CREATE MODEL m FROM (SELECT 1', 'This `(` is not closed.'],
    ['CREATE MODEL m FROM (SELECT [1)', 'This `)` closes no `[`.'],
    ['CREATE MODEL m FROM (SELECT 1; SELECT 2)', 'A SELECT in parentheses cannot have a `;`.'],
    ["CREATE MODEL m FROM (SELECT '1)", "This ' is not closed."],
    ['CREATE MODEL m FROM (SELECT 1 /* )', 'This comment is not closed.'],
    ['CREATE MODEL m FROM (SELECT 1)', 'PREDICT is missing: gbdt needs it.'],
    ['CREATE MODEL m FROM (SELECT 1) HORIZON 3 PREDICT y', 'ORDER BY is missing: forecast needs it.'],
    ['CREATE OR REPLACE MODEL IF NOT EXISTS m FROM (SELECT 1)', 'OR REPLACE and IF NOT EXISTS exclude each other.'],
    ['CREATE MODEL m FROM (SELECT 1) PREDICT y USING seed = 1, Seed = 2', '`seed` is given twice.'],
    ['CREATE MODEL m FROM (SELECT 1) PREDICT y USING seed = 1.5', '`seed` must be an integer from 0 to 4294967295.'],
    ['CREATE MODEL m FROM (SELECT 1) PREDICT y USING holdout = 0.9', '`holdout` must be a number from 0.05 to 0.5.'],
    [
      'CREATE MODEL m FROM (SELECT 1) PREDICT y USING monotone = {tenure: 2}',
      "`monotone` must be directions by feature, each -1, 0 or 1: {'tenure': -1}.",
    ],
    [
      "CREATE MODEL m FROM (SELECT 1) PREDICT y USING time_limit = '1 SECOND'",
      "`time_limit` must be an interval from '10 SECONDS' to '1 DAY'.",
    ],
    ['RETRAIN churn EVERY 1 FORTNIGHT', 'Expected MINUTES, HOURS, DAYS or WEEKS, not `FORTNIGHT`.'],
    ['RETRAIN churn EVERY 1 MINUTE', 'EVERY can be from 5 MINUTES to 52 WEEKS.'],
    ['SET MODEL odd WATCH EVERY 5 SECONDS', 'EVERY can be from 10 SECONDS to 4 WEEKS.'],
    ['RETRAIN churn USING l1 = 2', '`l1` must be a number from 0 to 1.'],
    ['DROP MODEL churn.0', 'Expected the number of a version, from 1 to 2147483647, not `0`.'],
    ['SET MODEL churn LIVE previous', 'Expected the number of a version, not `previous`.'],
    ['SET MODEL churn LOG 10', 'Expected a share from 0 to 1, not `10`.'],
    ['SET MODEL churn LOG all', 'Expected a share from 0 to 1, not `all`.'],
    ['SET MODEL churn 3', 'Expected WATCH EVERY, LOG or LIVE, not `3`.'],
    ['CREATE ROLLOUT FOR MODEL m VERSION 2 SHADOW 0', 'A SHADOW of no rows tells nothing.'],
    ['CREATE ROLLOUT FOR MODEL m VERSION 2 SHADOW 0.1 EVERY 1 HOUR', 'Expected FORMAT, `;` or the end, not `EVERY`.'],
    ['CREATE ROLLOUT FOR MODEL m VERSION 2 EVERY 1 HOUR', 'Expected SHADOW or STEPS, not `EVERY`.'],
    ['CANCEL TRAINING 0198', 'Expected the id of a job in quotes, not `0198`.'],
    ['SHOW MODELS; SHOW MODELS', 'Only one statement can be sent at a time.'],
    [
      'CREATE ROLLOUT FOR MODEL m VERSION 2 STEPS (50, 5, 100) EVERY 1 HOUR',
      'Each of the STEPS must be more than the one before.',
    ],
    ['CREATE ROLLOUT FOR MODEL m VERSION 2 STEPS (5, 50) EVERY 1 HOUR', 'The last of the STEPS must be 100.'],
  ])('%s', (text, message) => {
    expect(failureOf(() => parseStatement(text)).message).toBe(message)
  })
})

test('a NUL is refused, written as itself or as an escape', () => {
  for (const text of ['SHOW MODELS LIKE \0', "SHOW MODELS LIKE '\0'", "SHOW MODELS LIKE '\\0'", 'DROP MODEL `\\0`']) {
    expect(failureOf(() => parseStatement(text)).message).toBe('A NUL character is not allowed.')
  }
})

describe('options', () => {
  const using = (text: string) => {
    const parsed = parseStatement(`RETRAIN m USING ${text}`)
    return parsed?.kind === 'retrain_model' ? parsed.options : undefined
  }
  test.each([
    ["fallback = 'previous'", { fallback: { kind: 'previous' } }],
    ["fallback = '503'", { fallback: { kind: 'unavailable' } }],
    ['fallback = -1.5', { fallback: { kind: 'constant', value: -1.5 } }],
    ["fallback = 'no'", { fallback: { kind: 'constant', value: 'no' } }],
    ["time_limit = '10 minutes'", { time_limit: 600_000 }],
    ["time_limit = '1 HOUR'", { time_limit: 3_600_000 }],
    ["tags = 'one'", { tags: ['one'] }],
    ["tags = ('a', 'b', 'a')", { tags: ['a', 'b'] }],
    [
      "monotone = {'a b': 1, tenure: -1, `c`: 0}",
      {
        monotone: new Map([
          ['a b', 1],
          ['tenure', -1],
          ['c', 0],
        ]),
      },
    ],
    ['learning_rate = .05, l2 = 1e-3, bins = 0xff', { learning_rate: 0.05, l2: 0.001, bins: 255 }],
    ["description = 'it''s \\'a\\' 10\\% \\x41\\xC3\\xA9'", { description: "it's 'a' 10\\% Aé" }],
    ["description = $$it's$$", { description: "it's" }],
  ])('%s', (text, expected) => {
    expect(using(text)).toEqual(expected)
  })

  test('a number is what was written, or refused', () => {
    assert(
      property(integer(), (value) => {
        const outcome = outcomeOf(() => using(`seed = ${value}`))
        expect(outcome).toBe(value >= 0 ? 'parsed' : 'query.syntax 1:24')
        if (value >= 0) expect(using(`seed = ${value}`)).toEqual({ seed: value })
      }),
    )
  })
})

const naughtyFile = sampleData('naughty-strings/blns.json')
const naughty = naughtyFile === undefined ? [] : (JSON.parse(readFileSync(naughtyFile, 'utf8')) as string[])

describe.skipIf(naughtyFile === undefined)('naughty strings', () => {
  test('are texts, names and tags as they are', () => {
    for (const text of naughty.filter((text) => text.length <= 2_000 && !text.includes('\0'))) {
      expect(parseStatement(`SHOW MODELS LIKE ${literal(text)}`)).toMatchObject({ like: text })
      const parsed = parseStatement(`RETRAIN m USING description = ${literal(text)}`)
      expect(parsed).toMatchObject({ options: { description: text } })
      if (text === '') continue
      const named = parseStatement(`CREATE MODEL m FROM (SELECT 1) PREDICT ${inQuotes(text, 1)}`)
      expect(named).toMatchObject({ predict: { name: text } })
    }
  })

  test('unquoted, anywhere, are read or refused with a place', () => {
    for (const text of naughty) {
      for (const sql of [
        text,
        `DROP MODEL ${text}`,
        `CREATE MODEL m FROM (SELECT ${text}) PREDICT y`,
        `CREATE MODEL m FROM (SELECT 1) PREDICT y USING ${text} = 1`,
        `SHOW MODELS LIKE '${text}'`,
      ]) {
        expect(outcomeOf(() => parseStatement(sql))).toMatch(/^(?:parsed|none|query\.syntax [1-9]\d*:[1-9]\d*)$/)
      }
    }
  })
})

test.each<[string, string]>([
  ['parentheses', `CREATE MODEL m FROM (SELECT ${'('.repeat(50_000)}1${')'.repeat(50_000)}) PREDICT y`],
  ['open parentheses', `CREATE MODEL m FROM ${'('.repeat(250_000)}`],
  ['brackets in USING', `RETRAIN m USING tags = ${'['.repeat(250_000)}`],
  ['braces in USING', `RETRAIN m USING monotone = ${'{a:'.repeat(80_000)}`],
  ['open comments', `CREATE MODEL m ${'/*'.repeat(125_000)}`],
  ['comments', `CREATE MODEL m ${'/**/'.repeat(60_000)}`],
  ['line comments', `CREATE MODEL m ${'--\n'.repeat(80_000)}`],
  ['quotes', `CREATE MODEL m FROM (SELECT ${"'".repeat(250_001)}`],
  ['backslashes', `SHOW MODELS LIKE '${'\\'.repeat(250_001)}`],
  ['heredocs', `CREATE MODEL m FROM (SELECT ${Array.from({ length: 30_000 }, (_, at) => `$a${at}$ `).join('')}`],
  ['dollars', `CREATE MODEL m FROM (SELECT ${'$ '.repeat(125_000)}`],
  ['digits', `SET MODEL m LIVE ${'9'.repeat(250_000)}`],
  ['letters', `CREATE MODEL ${'a'.repeat(250_000)}`],
  ['commas', `RETRAIN m USING seed = 1${', '.repeat(125_000)}`],
  ['lines', `${'\n'.repeat(250_000)}RETRAIN`],
  ['semicolons', `SHOW MODELS${';'.repeat(250_000)}`],
  ['surrogates', `SHOW MODELS ${'\uD800'.repeat(250_000)}`],
])('250 KB of %s end soon', (_, text) => {
  const started = performance.now()
  expect(outcomeOf(() => parseStatement(text))).toMatch(/^(?:parsed|query\.syntax [1-9]\d*:[1-9]\d*)$/)
  expect(performance.now() - started).toBeLessThan(5_000)
})
