import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contextOf } from '../../../core/context.ts'
import { checkSql } from '../../../core/query/gate/gate.ts'
import { defaultQueryLimits } from '../../../core/query/index.ts'
import { Failure } from '../../../mesh/errors.ts'
import { callBy } from '../../support/call.ts'
import { analyst, startQuery, type Fixture } from './fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

/** Stands for a model's predictions. */
const table = 'SELECT id AS `_row`, tenant AS `Plan A` FROM orders'

async function checked(text: string, select = table) {
  const asked: string[] = []
  const served = async (_: unknown, model: string) => {
    asked.push(model)
    return select
  }
  const { warehouse } = fixture
  const deps = { warehouse, limits: defaultQueryLimits, served }
  const { sql, reads } = await checkSql(deps, contextOf(callBy(analyst)), text)
  return { sql, streams: [...reads.streams], asked }
}

const subquery = '(SELECT id AS _row, tenant AS `Plan A` FROM orders)'

describe('FROM served(model)', () => {
  test('is asked about once, and stands in a statement so often at most', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, () => 'SELECT * FROM served(churn)').join(' UNION ALL ')
    expect((await checked(many(8))).asked).toEqual(['churn'])
    await expect(checked(many(9))).rejects.toMatchObject({ problem: 'query.not_allowed' })
  })

  test.each([
    ['SELECT * FROM served(churn)', `SELECT * FROM ${subquery}`],
    ['SELECT s._row FROM served(`churn`) AS s', `SELECT s._row FROM ${subquery} AS s`],
    [
      'SELECT c.name FROM customers AS c LEFT JOIN served ( churn ) s ON c.tenant = s.`Plan A`',
      `SELECT c.name FROM customers AS c LEFT JOIN ${subquery} AS s ON c.tenant = s.\`Plan A\``,
    ],
    [
      'WITH s AS (SELECT * FROM served(churn)) SELECT count() FROM s -- served(none)',
      `WITH s AS (SELECT * FROM ${subquery}) SELECT count() FROM s`,
    ],
  ])('is read as a subquery of what it answered: %s', async (text, printed) => {
    const { sql, streams, asked } = await checked(text)
    expect(sql).toBe(printed)
    expect(asked).toEqual(['churn'])
    expect(streams).toContain('orders')
  })

  test.each([
    "SELECT 'FROM served(churn)' AS text",
    'SELECT served FROM (SELECT 1 AS served)',
    'WITH served AS (SELECT 1 AS n) SELECT n FROM served',
    'SELECT `FROM served(churn)` FROM (SELECT 1 AS `FROM served(churn)`)',
  ])('is no other text: %s', async (text) => {
    expect((await checked(text)).asked).toEqual([])
  })

  test.each([
    ["SELECT * FROM served('churn')", /takes the name of one model/],
    ['SELECT * FROM served(churn, 2)', /takes the name of one model/],
    ['SELECT * FROM served()', /takes the name of one model/],
    ['SELECT * FROM served(main.churn)', /takes the name of one model/],
    ['SELECT served(churn)', /`served`/],
    ['SELECT * FROM customers, served(churn)', /`served`/],
  ])('is refused in other forms: %s', async (text, detail) => {
    const failure = await checked(text).catch((thrown: unknown) => thrown)
    expect(failure).toBeInstanceOf(Failure)
    expect((failure as Failure).message).toMatch(detail)
  })

  test('is judged as if the caller had written it', async () => {
    await expect(checked('SELECT * FROM served(churn)', 'SELECT * FROM other.t')).rejects.toThrow(/no stream/i)
    await expect(checked('SELECT * FROM served(churn)', "SELECT * FROM file('/etc/passwd')")).rejects.toThrow(/file/)
  })
})
