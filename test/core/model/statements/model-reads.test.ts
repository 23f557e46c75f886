import { array, assert, constantFrom, nat, property, tuple } from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { modelReads } from '../../../../core/model/statements/model-reads.ts'
import { sampleData } from '../../../support/optional.ts'
import { failureOf, gap, inCase, inQuotes, literal, outcomeOf, withoutSpans } from './gaps.ts'

const isModel = (name: string) => name === 'churn'
const read = (sql: string) => modelReads(sql, isModel)

const reads: readonly (readonly [string, object])[] = [
  [
    `SELECT @Churn , @Churn_explain AS @why FROM @churn WHERE @tenure = -12 AND @Contract = 'x' AND @a IS NULL AND @b = NULL AND @c = true`,
    {
      kind: 'predict_row',
      explain: false,
      model: { name: 'churn', version: undefined },
      outputs: [{ column: { name: 'Churn' } }, { column: { name: 'Churn_explain' }, as: { name: 'why' } }],
      features: [
        { feature: { name: 'tenure' }, value: { value: -12 } },
        { feature: { name: 'Contract' }, value: { value: 'x' } },
        { feature: { name: 'a' }, value: { value: null } },
        { feature: { name: 'b' }, value: { value: null } },
        { feature: { name: 'c' }, value: { value: true } },
      ],
    },
  ],
  [
    `EXPLAIN SELECT * FROM @churn . 3 WHERE @tenure = { p : Nullable(Float64) } FORMAT JSON`,
    {
      explain: true,
      model: { version: 3 },
      outputs: [{ column: undefined }],
      features: [{ value: { parameter: 'p', type: 'Nullable(Float64)' } }],
      format: 'JSON',
    },
  ],
  [
    `SELECT @t . * , @t . @id AS @key , @m . @Churn FROM (SELECT * FROM customers) AS @t JOIN @churn . 2 AS @m FORMAT CSV ;`,
    {
      kind: 'predict_rows',
      model: { name: 'churn', version: 2 },
      from: { sql: 'SELECT * FROM customers' },
      outputs: [
        { of: 'rows', column: undefined },
        { of: 'rows', column: { name: 'id' }, as: { name: 'key' } },
        { of: 'model', column: { name: 'Churn' } },
      ],
      format: 'CSV',
    },
  ],
  [`SELECT @churn . * FROM (SELECT 1) AS @t JOIN @churn`, { outputs: [{ of: 'model', column: undefined }] }],
]

const wordsOf = (text: string): readonly string[] => text.match(/\(SELECT[^)]*\)|\w+\(\w+\)|'[^']*'|-?\d+|\S+/g) ?? []
const plain = (text: string): string => text.replaceAll('@', '')

describe('a prediction', () => {
  test.each(reads)('%s', (text, expected) => {
    expect(read(plain(text))).toMatchObject(expected)
  })

  test('means the same in any case, with any quotes, spaces and comments', () => {
    assert(
      property(constantFrom(...reads), array(gap, { minLength: 60, maxLength: 60 }), nat(), ([text], gaps, seed) => {
        const written = wordsOf(text).map((word, at) => {
          if (word.startsWith('@')) return inQuotes(word.slice(1), seed + at)
          return /^[A-Z]+$/.test(word) && word !== 'JSON' && word !== 'CSV' ? inCase(word, seed + at) : word
        })
        const spread = written.map((word, at) => `${gaps[at] ?? ' '}${word}`).join('')
        expect(withoutSpans(read(`${spread}${gaps.at(-1) ?? ''}`))).toEqual(withoutSpans(read(plain(text))))
      }),
      { numRuns: 500 },
    )
  })

  test('has its SELECT as it was written, and knows where', () => {
    const inner = ` SELECT ')' -- )\n FROM t `
    const sql = `SELECT t.*, m.y FROM (${inner}) AS t JOIN churn AS m`
    expect(read(sql)).toMatchObject({ from: { sql: inner, start: sql.indexOf(inner), end: sql.indexOf(') AS t') } })
  })

  test('cut off or changed anywhere is one, none, or an error with a place', () => {
    const pieces = constantFrom(...`( ) { } ' " \` $$ /* -- ; , . = \\ 0 é FROM JOIN churn @ AS * WHERE`.split(' '))
    const edits = array(tuple(nat(160), pieces, nat(4)), { minLength: 1, maxLength: 4 })
    const outcomes = /^(?:parsed|none|query\.syntax [1-9]\d*:[1-9]\d*)$/
    for (const [text] of reads) {
      const sql = plain(text)
      for (let end = 0; end < sql.length; end++) expect(outcomeOf(() => read(sql.slice(0, end)))).toMatch(outcomes)
    }
    assert(
      property(constantFrom(...reads), edits, ([text], changes) => {
        let sql = plain(text)
        for (const [at, piece, dropped] of changes) sql = `${sql.slice(0, at)} ${piece} ${sql.slice(at + dropped)}`
        expect(outcomeOf(() => read(sql))).toMatch(outcomes)
      }),
      { numRuns: 2_000 },
    )
  })
})

test.each([
  'SELECT 1',
  'SELECT churn FROM customers',
  'SELECT churn.a FROM customers AS churn',
  'SELECT * FROM main.churn',
  'SELECT * FROM served(churn)',
  'SELECT * FROM churn(1)',
  'SELECT * FROM churn.customers',
  'SELECT EXTRACT(DAY FROM churn) FROM customers',
  'SELECT * FROM customers ARRAY JOIN churn',
  'WITH churn AS (SELECT 1) SELECT * FROM churn',
  'WITH a AS (SELECT 1), churn AS (SELECT 2) SELECT * FROM a, churn, churn',
  'WITH RECURSIVE churn(n) AS (SELECT 1) SELECT * FROM churn',
  "SELECT ' FROM churn'",
  'SELECT 1 -- FROM churn',
  'SELECT 1 FROM Churn',
  "SELECT * FROM churn WHERE '",
])('%s is none, as far as its words tell', (sql) => {
  expect(read(sql)).toBeUndefined()
})

describe('any other use of a model as a table is refused', () => {
  test.each([
    ['SELECT count() FROM churn', '1:13', 'Expected AS, `,` or FROM, not `(`.'],
    ['SELECT a FROM churn WHERE b > 1', '1:29', 'Expected IS, `==` or `=`, not `>`.'],
    ['SELECT a FROM churn WHERE b = 1 OR c = 2', '1:33', 'Expected AND, FORMAT, `;` or the end, not `OR`.'],
    ['SELECT a FROM churn WHERE b = [1]', '1:31', 'Expected NULL, `{`, `-`, `−`, `+` or a value, not `[`.'],
    ['SELECT a FROM churn WHERE b = 1 AND b = 2', '1:37', '`b` is given twice.'],
    ['SELECT a FROM churn WHERE b = 1e999', '1:31', 'This is not a number that a double can hold.'],
    ['SELECT a FROM churn LIMIT 1', '1:21', 'Expected `.`, WHERE, FORMAT, `;` or the end, not `LIMIT`.'],
    ['FROM churn SELECT a', '1:1', 'Expected EXPLAIN or SELECT, not `FROM`.'],
    ['SELECT * FROM (SELECT a FROM churn)', '1:30', 'The model `churn` cannot be read inside a subquery.'],
    ['SELECT 1 IN (FROM churn SELECT a)', '1:19', 'The model `churn` cannot be read inside a subquery.'],
    ['SELECT a FROM churn UNION ALL SELECT b FROM churn', '1:45', 'A query can read one model only.'],
    [
      'SELECT a, m.b FROM (SELECT 1) AS t JOIN churn AS m',
      '1:9',
      'Beside a model, each column says whose it is: `t.a`, or `m.a`.',
    ],
    ['SELECT t.a FROM customers AS t JOIN churn AS m', '1:17', 'Expected `(`, not `customers`.'],
    ['SELECT t.a FROM (SELECT 1) AS t LEFT JOIN churn AS m', '1:33', 'Expected JOIN, not `LEFT`.'],
    [
      'SELECT t.a FROM (SELECT 1) AS t JOIN churn AS m ON t.a = m.a',
      '1:49',
      'A model is joined without ON: it finds its features among the columns by name.',
    ],
    ['SELECT t.a FROM (SELECT 1) AS t JOIN churn AS t', '1:47', 'The rows and the model need two names.'],
    ['SELECT u.a FROM (SELECT 1) AS t JOIN churn AS m', '1:8', 'There is no `u` here.'],
    ['SELECT t.a FROM (SELECT 1) AS t JOIN churn AS m WHERE t.a = 1', '1:49', 'WHERE cannot follow a model.'],
  ])('%s', (sql, place, message) => {
    const failure = failureOf(() => read(sql))
    const [first] = failure.errors
    expect([failure.problem, `${first?.line}:${first?.column}`, failure.message]).toEqual([
      'query.syntax',
      place,
      message,
    ])
    expect(failure.hint).toMatch(
      /^A model is read in two ways: SELECT .* JOIN model AS m\.$|parentheses|alias|There are|Did you/,
    )
  })
})

const naughtyFile = sampleData('naughty-strings/blns.json')
const naughty = naughtyFile === undefined ? [] : (JSON.parse(readFileSync(naughtyFile, 'utf8')) as string[])

test.skipIf(naughtyFile === undefined)('naughty strings are values and features as they are', () => {
  for (const text of naughty.filter((text) => text !== '' && !text.includes('\0'))) {
    expect(read(`SELECT a FROM churn WHERE ${inQuotes(text, 1)} = ${literal(text)}`)).toMatchObject({
      features: [{ feature: { name: text }, value: { value: text } }],
    })
    expect(outcomeOf(() => read(`SELECT ${text} FROM churn WHERE ${text} = ${text}`))).toMatch(
      /^(?:parsed|none|query\.syntax .*)$/,
    )
  }
})

test.each<[string, string]>([
  ['parentheses', `SELECT t.a FROM (SELECT ${'('.repeat(50_000)}1${')'.repeat(50_000)}) AS t JOIN churn`],
  ['models', `SELECT a FROM churn${' JOIN churn'.repeat(20_000)}`],
  ['declarations', `WITH ${'churn AS (SELECT 1), '.repeat(10_000)} SELECT a FROM churn`],
  ['columns', `SELECT a${', a'.repeat(60_000)} FROM churn`],
  ['features', `SELECT a FROM churn WHERE ${Array.from({ length: 20_000 }, (_, at) => `f${at} = 1`).join(' AND ')}`],
  ['open parentheses', `SELECT a FROM churn ${'('.repeat(250_000)}`],
  ['a parameter without an end', `SELECT a FROM churn WHERE b = {c:${'('.repeat(200_000)}`],
])('250 KB of %s end soon', (_, text) => {
  const started = performance.now()
  expect(outcomeOf(() => read(text))).toMatch(/^(?:parsed|none|query\.syntax [1-9]\d*:[1-9]\d*)$/)
  expect(performance.now() - started).toBeLessThan(5_000)
})
