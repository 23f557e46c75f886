/** What every warehouse must do. Run over the embedded one, and over a ClickHouse server where there is one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Warehouse, WarehouseError, type WarehouseQuery } from '../../core/storage/warehouse.ts'

export interface WarehouseEngine {
  readonly warehouse: Warehouse
  close(): Promise<void>
}

/** A query with the parts that most tests do not care about. */
export function query(sql: string, rest: Partial<WarehouseQuery> = {}): WarehouseQuery {
  return { sql, database: 'default', deadline: Date.now() + 20_000, signal: new AbortController().signal, ...rest }
}

export async function read(warehouse: Warehouse, asked: WarehouseQuery): Promise<Buffer> {
  const result = await warehouse.stream(asked)
  const chunks: Uint8Array[] = []
  for await (const chunk of result.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('It was expected to fail.')
    },
    (thrown: unknown) => thrown,
  )
}

export function warehouseContract(name: string, open: () => Promise<WarehouseEngine>): void {
  describe(name, () => {
    let engine: WarehouseEngine
    let warehouse: Warehouse
    const workspace = `contract_${Math.random().toString(36).slice(2, 10)}`

    async function one(sql: string, rest: Partial<WarehouseQuery> = {}): Promise<unknown> {
      const [row] = await warehouse.rows<{ v: unknown }>(query(sql, { database: workspace, ...rest }))
      return row?.v
    }

    beforeAll(async () => {
      engine = await open()
      warehouse = engine.warehouse
      await warehouse.command(`CREATE DATABASE ${workspace}`)
    })
    afterAll(async () => {
      await warehouse.command(`DROP DATABASE ${workspace}`)
      await engine.close()
    })

    describe('values', () => {
      test.each([
        ['UInt64', '18446744073709551615', '18446744073709551615'],
        ['Int64', '-9223372036854775808', '-9223372036854775808'],
        ['Int128', '-170141183460469231731687303715884105728', '-170141183460469231731687303715884105728'],
        ['Decimal(38, 10)', '"12345678901234567890.0123456789"', '12345678901234567890.0123456789'],
        ['DateTime64(6)', '"2026-02-28 23:59:59.123456"', '2026-02-28 23:59:59.123456'],
        ['Nullable(String)', 'null', null],
        ['Array(Nullable(Int8))', '[1,null,-3]', [1, null, -3]],
        ['Map(String, UInt64)', '{"a":1,"18446744073709551615":18446744073709551615}', expect.anything()],
        ['LowCardinality(String)', '"naïve ✓ 🐘 \\u0000 end"', 'naïve ✓ 🐘 \u0000 end'],
        ['Bool', 'true', true],
        ['UUID', '"00000000-0000-4000-8000-0123456789ab"', '00000000-0000-4000-8000-0123456789ab'],
        ['Tuple(a Int8, b String)', '{"a":1,"b":"x"}', { a: 1, b: 'x' }],
      ])('%s goes in as %s and comes back', async (type, text, expected) => {
        const table = `t_${Math.random().toString(36).slice(2)}`
        await warehouse.command(`CREATE TABLE ${workspace}.${table} (v ${type}) ENGINE = MergeTree ORDER BY tuple()`)
        await warehouse.insert({ database: workspace, table, rows: `{"v":${text}}\n`, token: 'a' })
        expect(await one(`SELECT v FROM ${table}`)).toEqual(expected)
      })

      test('a JSON column keeps nested values and integers past 2^53', async () => {
        await warehouse.command(`CREATE TABLE ${workspace}.docs (v JSON) ENGINE = MergeTree ORDER BY tuple()`)
        const rows = '{"v":{"a":{"b":[1,2]},"big":9007199254740993,"s":"x"}}'
        await warehouse.insert({ database: workspace, table: 'docs', rows, token: 'a' })
        expect(await one('SELECT toString(v.big) AS v FROM docs')).toBe('9007199254740993')
      })

      test('NaN and infinities are null in JSON', async () => {
        const text = await read(warehouse, query('SELECT nan AS a, -inf AS b', { format: 'JSONEachRow' }))
        expect(text.toString()).toBe('{"a":null,"b":null}\n')
      })

      test('materialised columns are written when they are named', async () => {
        await warehouse.command(
          `CREATE TABLE ${workspace}.hidden (a UInt8, _offset UInt64 MATERIALIZED 0) ENGINE = MergeTree ORDER BY a`,
        )
        const rows = '{"a":1,"_offset":77}\n{"a":2,"_offset":18446744073709551615}\n'
        await warehouse.insert({ database: workspace, table: 'hidden', rows, hidden: ['_offset'], token: 'a' })
        expect(await warehouse.rows(query(`SELECT * FROM ${workspace}.hidden ORDER BY a`))).toEqual([
          { a: 1 },
          { a: 2 },
        ])
        expect(await one('SELECT max(_offset) AS v FROM hidden')).toBe('18446744073709551615')
      })
    })

    describe('parameters', () => {
      test.each([
        [
          'String',
          'it\'s "quoted" \\\\ \\n\\t ✓ 🐘; DROP TABLE x -- {y:String}',
          'it\'s "quoted" \\ \n\t ✓ 🐘; DROP TABLE x -- {y:String}',
        ],
        ['String', '', ''],
        ['UInt64', '18446744073709551615', '18446744073709551615'],
        ['Nullable(String)', null, null],
        ['Array(String)', "['a','it\\'s','x\\ny','']", ['a', "it's", 'x\ny', '']],
        ['Array(UInt64)', '[1,18446744073709551615]', ['1', '18446744073709551615']],
        ['Array(Nullable(Int8))', '[1,NULL]', [1, null]],
        ['Date', '2026-02-28', '2026-02-28'],
        ['DateTime64(3)', '2026-02-28 23:59:59.123', '2026-02-28 23:59:59.123'],
        ['Map(String, UInt8)', "{'a':1}", { a: 1 }],
        ['Float64', '1e-3', 0.001],
        ['Bool', 'true', true],
      ])('{v:%s} takes %j', async (type, text, expected) => {
        expect(await one(`SELECT {v:${type}} AS v`, { params: { v: text } })).toEqual(expected)
      })

      test('a large one is taken', async () => {
        const text = 'x'.repeat(200_000)
        expect(await one('SELECT length({v:String}) AS v', { params: { v: text } })).toBe('200000')
      })

      test('one that is too large is refused as such', async () => {
        const error = await errorOf(one('SELECT {v:String} AS v', { params: { v: 'x'.repeat(400_000) } }))
        expect(error).toMatchObject({ problem: 'request.too_large', status: 413 })
      })

      test('one that is not given is an error that names it', async () => {
        const error = await errorOf(one('SELECT {v:String} AS v'))
        expect(error).toMatchObject({ name: 'WarehouseError', number: 456 })
        expect((error as Error).message).toContain('`v`')
      })

      test('one that does not fit its type is an error', async () => {
        expect(await errorOf(one('SELECT {v:UInt8} AS v', { params: { v: 'abc' } }))).toMatchObject({ number: 457 })
      })
    })

    describe('formats', () => {
      test('JSON has meta, data, rows, rows before the limit and statistics, at any size', async () => {
        for (const limit of [3, 300_000]) {
          const sql = `SELECT number AS n FROM (SELECT number FROM numbers(400000) ORDER BY number) LIMIT ${limit}`
          const text = await read(warehouse, query(sql, { format: 'JSON' }))
          const json = JSON.parse(text.toString()) as Record<string, unknown>
          expect(json).toMatchObject({ meta: [{ name: 'n', type: 'UInt64' }], rows: limit })
          expect(json['data']).toHaveLength(limit)
          expect(json['rows_before_limit_at_least']).toBeGreaterThanOrEqual(limit)
          expect(json['statistics']).toMatchObject({ rows_read: expect.any(Number) as number })
        }
      })

      test('CSV has one head at any size', async () => {
        const text = (
          await read(warehouse, query('SELECT number AS n FROM numbers(200000)', { format: 'CSVWithNames' }))
        ).toString()
        expect(text.match(/"n"/g)).toHaveLength(1)
        expect(text.split('\n')).toHaveLength(200_002)
      })

      test('Parquet is one file with one footer', async () => {
        const file = await read(warehouse, query('SELECT number AS n FROM numbers(300000)', { format: 'Parquet' }))
        expect(file.subarray(0, 4).toString()).toBe('PAR1')
        expect(file.indexOf('PAR1', 4)).toBe(file.length - 4)
      })

      test('ArrowStream is one stream with one end', async () => {
        const file = await read(warehouse, query('SELECT number AS n FROM numbers(300000)', { format: 'ArrowStream' }))
        const end = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
        expect(file.indexOf(end)).toBe(file.length - end.length)
      })

      test('no rows are an empty answer', async () => {
        expect(await read(warehouse, query('SELECT 1 WHERE 0', { format: 'JSONEachRow' }))).toHaveLength(0)
        expect(await warehouse.rows(query('SELECT 1 WHERE 0'))).toEqual([])
      })

      test.each([
        'EXPLAIN AST SELECT 1',
        'EXPLAIN SELECT 1',
        'SHOW DATABASES',
        'DESCRIBE TABLE numbers(3)',
        'EXISTS x',
      ])('%s answers rows', async (sql) => {
        expect((await warehouse.rows(query(sql))).length).toBeGreaterThan(0)
      })

      test('EXPLAIN AST shows the statement as it was sent', async () => {
        const rows = await warehouse.rows<{ explain: string }>(query('EXPLAIN AST SELECT 1'))
        expect(rows.map((row) => row.explain).join('\n')).not.toMatch(/outfile|pipe|Null/i)
      })

      test.each([
        'SELECT 1 AS v;',
        '/* a */ SELECT 1 AS v -- b',
        '(SELECT 1 AS v)',
        'WITH 1 AS v SELECT v',
        '\n\tselect 1 v',
        `${'/* a */ -- b\n'.repeat(20_000)}SELECT 1 AS v`,
      ])('the text %j is a query', async (sql) => {
        expect(await one(sql)).toBe(1)
      })
    })

    describe('errors', () => {
      test('a syntax error has its number, its name, and the line and column in what was sent', async () => {
        const error = await errorOf(warehouse.rows(query('SELECT 1\nFROM numbers(3)\n  WHERE number = = 1')))
        expect(error).toBeInstanceOf(WarehouseError)
        expect(error).toMatchObject({ number: 62, kind: 'SYNTAX_ERROR' })
        expect((error as Error).message).toContain('line 3, col 18')
        expect((error as Error).message).not.toMatch(/OUTFILE|\.pipe|DB::Exception|version/)
      })

      test.each([
        ['SELECT * FROM nope', 60, 'UNKNOWN_TABLE'],
        ['SELECT nope FROM numbers(1)', 47, 'UNKNOWN_IDENTIFIER'],
        ['SELECT nope(1)', 46, 'UNKNOWN_FUNCTION'],
        ['SELECT throwIf(1)', 395, 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
        ["SELECT throwIf(1, '(TOO_BAD) Code: 7. DB::Exception: x')", 395, 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
        ['', 62, 'SYNTAX_ERROR'],
      ])('%j is %i', async (sql, number, kind) => {
        const error = await errorOf(warehouse.rows(query(sql)))
        expect(error).toBeInstanceOf(WarehouseError)
        expect(error).toMatchObject({ number, kind })
      })

      test('a database that is not there', async () => {
        expect(await errorOf(warehouse.rows(query('SELECT 1', { database: 'no`pe' })))).toMatchObject({ number: 81 })
      })

      test('one statement is run, or none', async () => {
        await warehouse.command(`CREATE TABLE ${workspace}.kept (a UInt8) ENGINE = MergeTree ORDER BY a`)
        for (const first of [
          'SELECT 1',
          'EXPLAIN AST SELECT 1',
          'DESCRIBE TABLE kept',
          'SET a = 1',
          'SELECT 1 FORMAT JSON',
        ]) {
          const error = await errorOf(
            warehouse.rows(query(`${first}; DROP TABLE ${workspace}.kept`, { database: workspace })),
          )
          expect(error).toMatchObject({ number: 62 })
        }
        expect(await one('EXISTS kept').catch(() => undefined)).not.toBeNull()
        expect(await warehouse.rows(query(`SELECT * FROM ${workspace}.kept`))).toEqual([])
      })

      test('a failure in the middle of a result is an error of its body, never an end', async () => {
        const sql = 'SELECT throwIf(number = 3000000) AS v, number FROM numbers(4000000)'
        const result = await warehouse.stream(query(sql, { format: 'JSONEachRow', settings: { max_threads: 1 } }))
        let bytes = 0
        const error = await errorOf(
          (async () => {
            for await (const chunk of result.body) bytes += chunk.length
          })(),
        )
        expect(bytes).toBeGreaterThan(100_000)
        expect(error).toMatchObject({ name: 'WarehouseError', number: 395 })
      })
    })

    describe('time', () => {
      test('a query ends at its deadline', async () => {
        const began = Date.now()
        const sql = 'SELECT sum(cityHash64(number)) FROM numbers(1000000000000)'
        const error = await errorOf(warehouse.rows(query(sql, { deadline: Date.now() + 700 })))
        expect(error).toMatchObject({ number: 159, kind: 'TIMEOUT_EXCEEDED' })
        expect(Date.now() - began).toBeLessThan(3000)
      })

      test('a deadline that has passed asks nothing', async () => {
        const error = await errorOf(warehouse.rows(query('SELECT 1', { deadline: Date.now() - 1 })))
        expect(error).toMatchObject({ problem: 'limit.deadline' })
      })

      test.each([
        ['before it has answered', 'SELECT sum(cityHash64(number)) AS running FROM numbers(1000000000000)'],
        ['while it answers', 'SELECT number AS running FROM numbers(1000000000000)'],
      ])('an aborted query stops %s', async (_, sql) => {
        const caller = new AbortController()
        const gone = errorOf(read(warehouse, query(sql, { signal: caller.signal, format: 'CSV' })))
        await expect.poll(() => running(warehouse, 'AS running'), { timeout: 5000 }).toBe(1)
        caller.abort()
        expect(await gone).toMatchObject({ problem: 'request.cancelled' })
        await expect.poll(() => running(warehouse, 'AS running'), { timeout: 5000 }).toBe(0)
      })

      test('a reader who stops early ends the query', async () => {
        const result = await warehouse.stream(
          query('SELECT number AS early FROM numbers(1000000000000)', { format: 'CSV' }),
        )
        for await (const _ of result.body) break
        await expect.poll(() => running(warehouse, 'AS early'), { timeout: 5000 }).toBe(0)
      })
    })

    describe('settings', () => {
      test('those of one query do not reach another, before, after or at the same time', async () => {
        await warehouse.command(`CREATE TABLE ${workspace}.mine (a UInt8) ENGINE = MergeTree ORDER BY a`)
        await warehouse.command(`INSERT INTO ${workspace}.mine SELECT number FROM numbers(10)`)
        const filtered = {
          additional_table_filters: `{'${workspace}.mine':'a = 1'}`,
          max_execution_time: 7,
          date_time_output_format: 'iso',
          session_timezone: 'Asia/Tokyo',
          output_format_json_quote_64bit_integers: 1,
          max_memory_usage: 123_456_789,
          readonly: 1,
        }
        const sql = `SELECT count() AS n, getSetting('max_execution_time') AS t, timezone() AS z, currentDatabase() AS d,
          getSetting('max_memory_usage') AS m, getSetting('readonly') AS r,
          toDateTime('2026-01-01 00:00:00', 'UTC') AS u FROM ${workspace}.mine`
        const answers = await Promise.all(
          Array.from({ length: 60 }, async (_, at) => {
            const on = at % 2 === 1
            const [row] = await warehouse.rows<Record<string, unknown>>(
              query(sql, on ? { settings: filtered, database: workspace } : { database: 'default' }),
            )
            return { on, row }
          }),
        )
        for (const { on, row } of answers) {
          expect(row).toMatchObject(
            on
              ? { n: '1', z: 'Asia/Tokyo', d: workspace, m: 123456789, r: 1, u: '2026-01-01T00:00:00Z' }
              : { n: '10', z: 'UTC', d: 'default', m: 0, r: 0, u: '2026-01-01 00:00:00' },
          )
        }
      })

      test('parameters of one query do not reach another', async () => {
        const answers = await Promise.all(
          Array.from({ length: 60 }, (_, at) =>
            at % 3 === 0
              ? errorOf(one('SELECT {v:UInt32} AS v'))
              : one('SELECT {v:UInt32} AS v', { params: { v: String(at) } }),
          ),
        )
        for (const [at, value] of answers.entries()) {
          const number = value instanceof WarehouseError ? value.number : value
          expect(number).toBe(at % 3 === 0 ? 456 : at)
        }
      })

      test('a query that holds too much memory fails alone', async () => {
        const sql = 'SELECT length(groupArray(number)) FROM numbers(100000000)'
        expect(await errorOf(warehouse.rows(query(sql, { settings: { max_memory_usage: 50_000_000 } })))).toMatchObject(
          {
            number: 241,
          },
        )
        expect(await one('SELECT 1 AS v')).toBe(1)
      })

      test.each([
        [{ no_such_setting: 1 }, 115],
        [{ 'max_threads = 1, readonly': 0 }, 36],
      ])('%j is refused', async (settings, number) => {
        expect(await errorOf(warehouse.rows(query('SELECT 1', { settings })))).toMatchObject({ number })
      })

      test('the session is in UTC', async () => {
        expect(await one('SELECT timezone() AS v')).toBe('UTC')
      })
    })

    describe('inserts', () => {
      test('a token that was seen inserts nothing', async () => {
        await warehouse.command(
          `CREATE TABLE ${workspace}.once (a UInt32, p UInt8) ENGINE = MergeTree PARTITION BY p ORDER BY a
          SETTINGS non_replicated_deduplication_window = 100`,
        )
        const rows = Array.from({ length: 100 }, (_, at) => JSON.stringify({ a: at, p: at % 2 })).join('\n')
        for (const token of ['a', 'a', 'b']) await warehouse.insert({ database: workspace, table: 'once', rows, token })
        expect(await one('SELECT count() AS v FROM once')).toBe('200')
      })

      test('rows are data, whatever they hold', async () => {
        await warehouse.command(`CREATE TABLE ${workspace}.data (s String) ENGINE = MergeTree ORDER BY s`)
        const drop = `DROP TABLE ${workspace}.data`
        const nasty = [`; ${drop}`, `\n\n${drop}`, `'); ${drop} --`, '\r\n\r\n', '\\N', '{}', '"', '\\']
        const rows = nasty.map((s) => JSON.stringify({ s })).join('\n\n\n')
        await warehouse.insert({ database: workspace, table: 'data', rows: `\n${rows}\n\n`, token: 'a' })
        const back = await warehouse.rows<{ s: string }>(query(`SELECT s FROM ${workspace}.data`))
        expect(back.map(({ s }) => s).toSorted()).toEqual(nasty.toSorted())
        for (const rows of [`;${drop}`, `;\n\n${drop}`, drop, `\n\n;\n${drop};`, `SETTINGS a = 1 ${drop}`])
          await errorOf(warehouse.insert({ database: workspace, table: 'data', rows, token: rows }))
        for (const rest of [`\n\n${drop}`, `\n;${drop}`, `;\n\n${drop}\n`, `\r\n\r\n${drop}`, `\n\n${drop};`])
          await errorOf(warehouse.insert({ database: workspace, table: 'data', rows: `{"s":"x"}${rest}`, token: rest }))
        expect(await one('SELECT count() AS v FROM data')).toBe(String(nasty.length))
      })

      test('a large insert is one part in each partition, so it is there as a whole or not at all', async () => {
        await warehouse.command(
          `CREATE TABLE ${workspace}.large (a UInt32, p UInt8) ENGINE = MergeTree PARTITION BY p ORDER BY a`,
        )
        const rows = Array.from({ length: 1_500_000 }, (_, a) => `{"a":${a},"p":${a % 2}}`).join('\n')
        await warehouse.insert({ database: workspace, table: 'large', rows, token: 'a' })
        const parts = `SELECT level, rows FROM system.parts WHERE database = '${workspace}' AND table = 'large'`
        expect(await warehouse.rows(query(parts))).toEqual([
          { level: 0, rows: '750000' },
          { level: 0, rows: '750000' },
        ])
      })

      test('a row that does not fit fails the whole insert and names the row', async () => {
        await warehouse.command(`CREATE TABLE ${workspace}.strict (a UInt8) ENGINE = MergeTree ORDER BY a`)
        const rows = '{"a":1}\n{"a":2}\n{"a":"x"}\n'
        const error = await errorOf(warehouse.insert({ database: workspace, table: 'strict', rows, token: 'a' }))
        expect(error).toBeInstanceOf(WarehouseError)
        expect((error as Error).message).toContain('at row 3')
        expect(await one('SELECT count() AS v FROM strict')).toBe('0')
      })

      test('no rows are no insert', async () => {
        const nothing = warehouse.insert({ database: workspace, table: 'absent', rows: '', token: 'a' })
        await expect(nothing).resolves.toBeUndefined()
      })
    })

    test('what a query read is counted, when its result has ended', async () => {
      for (const rows of [10, 1_000_000]) {
        const sql = `SELECT number % 5 AS n, count() FROM numbers(${rows}) GROUP BY n`
        const result = await warehouse.stream(query(sql, { format: 'JSON' }))
        for await (const _ of result.body);
        expect(result.summary()).toMatchObject({ rowsRead: rows, bytesRead: rows * 8, resultRows: 5 })
        expect(result.summary().elapsedUs).toBeGreaterThan(0)
      }
    })

    test('it answers a ping', async () => {
      expect(await warehouse.ping()).toBe(true)
    })
  })
}

/** How many queries with this text run now. */
export async function running(warehouse: Warehouse, text: string): Promise<number> {
  const sql = `SELECT count() AS n FROM system.processes WHERE position(query, {text:String}) > 0 AND query NOT LIKE '%processes%'`
  const [row] = await warehouse.rows<{ n: string }>(query(sql, { params: { text } }))
  return Number(row?.n)
}
