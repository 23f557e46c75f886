import { array, assert, asyncProperty, constantFrom, property, string } from 'fast-check'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSelect } from '../../../../core/model/statements/clauses.ts'
import { tokenAt, type Token } from '../../../../core/model/statements/lexer.ts'
import { createReader } from '../../../../core/model/statements/reader.ts'
import { startEmbeddedWarehouse } from '../../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../../core/storage/clickhouse/connect.ts'
import { Failure } from '../../../../mesh/errors.ts'
import { temporaryDirectory } from '../../../support/directory.ts'
import { literal } from './gaps.ts'

function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = []
  for (let before: Token | undefined; ;) {
    const token = tokenAt(sql, before?.end ?? 0, before)
    if (token.kind === 'end') return tokens
    tokens.push(token)
    if (token.kind === 'wrong') return tokens
    before = token
  }
}

test('every token stands where it says, and reading always ends', () => {
  const pieces = constantFrom(
    ...`' " \` $ $a$ / * - # \\ . 1 1a 0x 1e ( ) { } ‘ ’ “ ” x' a _ é 😀 −`.split(' '),
    '\n',
    ' ',
  )
  assert(
    property(array(pieces, { maxLength: 30 }), string(), (parts, tail) => {
      const sql = parts.join('') + tail
      let last = 0
      for (const { kind, text, start, end } of tokensOf(sql)) {
        expect(start).toBeGreaterThanOrEqual(last)
        expect(end).toBeGreaterThan(start)
        if (kind !== 'wrong') expect(sql.slice(start, end)).toBe(text)
        last = end
      }
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  ['a.3', ['word a', 'sign .', 'number 3']],
  ['a . 3 .b', ['word a', 'sign .', 'number 3', 'sign .', 'word b']],
  ['.5 1.5e-3 1_000 0x1F', ['number .5', 'number 1.5e-3', 'number 1_000', 'number 0x1F']],
  ['1a $b c$d', ['word 1a', 'word $b', 'word c$d']],
  ['1.5a', ['wrong ']],
  ['..5 1,.5a', ['sign .', 'number .5', 'number 1', 'sign ,', 'number .5', 'word a']],
  [`"a""b" \`c\\\`d\` “e f”`, ['name a"b', 'name c`d', 'name e f']],
  [`'it''s' 'a\\n\\%' ‘x\\’ $$y'$$`, ["text it's", 'text a\n\\%', 'text x\\', "text y'"]],
  ["x'41' b'01'", ["bytes x'41'", "bytes b'01'"]],
  ['a--b\n->c', ['word a', 'sign ->', 'word c']],
  ['a /* /* */ b', ['word a', 'wrong ']],
  ['a#b', ['word a', 'wrong ']],
])('%s', (sql, expected) => {
  expect(tokensOf(sql).map(({ kind, value }) => `${kind} ${value}`)).toEqual(expected)
})

describe('where the engine sees a SELECT end', () => {
  const directory = temporaryDirectory()
  const log = pino({ level: 'silent' })
  let engine: Awaited<ReturnType<typeof startEmbeddedWarehouse>>
  let warehouse: ReturnType<typeof connectWarehouse>
  beforeAll(async () => {
    engine = await startEmbeddedWarehouse({ directory: directory.path, log })
    warehouse = connectWarehouse({ ...engine, maxConnections: 2, log })
  })
  afterAll(async () => {
    await warehouse.close()
    await engine.close()
    directory.remove()
  })

  async function parses(texts: readonly string[]): Promise<readonly boolean[]> {
    const rows = await warehouse.rows<{ readonly ok: number }>({
      sql: `SELECT formatQuerySingleLineOrNull(arrayJoin([${texts.map((text) => literal(text)).join(', ')}])) IS NOT NULL AS ok`,
      database: 'default',
      deadline: Date.now() + 20_000,
      signal: AbortSignal.timeout(20_000),
    })
    return rows.map(({ ok }) => ok === 1)
  }

  const atoms = [
    `'a)'`,
    `'\\')'`,
    `'b'')('`,
    `"c)"`,
    `\`d)\\\`)\``,
    `‘)’`,
    `“)”`,
    `$$)'$$`,
    `$t$)$$)$t$`,
    `x'41'`,
    `(1)`,
    `[1, (2)]`,
    `a.1.1`,
    `1.5`,
    `1, .5`,
    `1a`,
    `$a`,
    `{p:Array(String)}`,
    `1 − 1`,
    `/* ) /* ) */ ) */ 1`,
    `1 -- )\n`,
    `1 # )\n`,
    `1 #!)\n`,
    `1 // )\n`,
    `1\u00A0`,
    `\uFEFF2`,
    `\u3000 3`,
    `x -> (x)`,
    `a::String`,
    `a <=> b`,
  ]

  test('ours is the same, of each thing that can hide a parenthesis', async () => {
    const texts = atoms.map((atom) => `SELECT ${atom}, ${atom} FROM t`)
    expect(await parses(texts.map((text) => `SELECT * FROM (${text})`))).toEqual(texts.map(() => true))
    for (const text of texts) expect(readSelect(createReader(`(${text}) PREDICT y`)).sql).toBe(text)
  })

  test('texts mean what they mean to it', async () => {
    const texts = [
      `'it''s \\'\\\\ \\"\\\`\\/'`,
      `'\\a\\b\\e\\f\\n\\r\\t\\v'`,
      `'\\d \\% \\_ \\q \\é'`,
      `'\\x41\\xC3\\xA9\\\\x41'`,
      `'""\`\`'`,
      `$$a''\\n$$`,
      `‘a\\n''’`,
    ]
    const [row] = await warehouse.rows<{ readonly values: readonly string[] }>({
      sql: `SELECT [${texts.join(', ')}] AS values`,
      database: 'default',
      deadline: Date.now() + 20_000,
      signal: AbortSignal.timeout(20_000),
    })
    expect(texts.map((text) => tokenAt(text, 0, undefined).value)).toEqual(row?.values)
  })

  test('ours is the same, of whatever it can parse', async () => {
    const strays = [...`' " \` $$ $t$ /* */ -- # ) ( ‘ ’ '' \\ , . 1 a e5 _ 0x x'`.split(' '), '\n', ' ', ', ']
    const text = array(constantFrom(...atoms, ...strays), { minLength: 1, maxLength: 8 })
    let parsed = 0
    await assert(
      asyncProperty(array(text, { minLength: 250, maxLength: 250 }), async (batch) => {
        const texts = batch.map((parts) => `SELECT ${parts.join('')}\n`)
        // After these parentheses nothing can stand that has parentheses again.
        const whole = await parses(texts.map((text) => `WITH c AS (${text}) SELECT 1`))
        for (const text of texts.filter((_, at) => whole[at])) {
          parsed++
          expect([text, innerOf(text)]).toEqual([text, text])
        }
      }),
      { numRuns: 20, endOnFailure: true },
    )
    expect(parsed).toBeGreaterThan(200)
  })
})

/** A `$t$` without a second one would be a name to the engine: here it is refused, so that no text is searched for many. */
function innerOf(text: string): string {
  try {
    return readSelect(createReader(`(${text})`)).sql
  } catch (thrown) {
    if (thrown instanceof Failure && /^This \$\w*\$ is not closed/.test(thrown.message)) return text
    throw thrown
  }
}
