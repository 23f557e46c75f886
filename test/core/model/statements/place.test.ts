import { expect, test } from 'vitest'
import { parseStatement } from '../../../../core/model/statements/parse-statement.ts'
import { inStatement, violationAt } from '../../../../core/model/statements/place.ts'
import { Failure } from '../../../../mesh/errors.ts'

const sql = `EVALUATE auc\n  FROM (SELECT 'é',\n  bad FROM t)`
const statement = parseStatement(sql)
const from = statement?.kind === 'evaluate' ? statement.from : undefined

test('what a check of the SELECT alone says has its place in the whole statement', () => {
  if (from === undefined) throw new Error('It has none.')
  const place = (line: number, column: number) => {
    const failure = new Failure('query.unknown_column', 'x', { errors: [{ line, column, reason: 'y' }], hint: 'z' })
    return inStatement(failure, sql, from)
  }
  expect(place(1, 8)).toMatchObject({ problem: 'query.unknown_column', hint: 'z', errors: [{ line: 2, column: 16 }] })
  expect(place(2, 3)).toMatchObject({ errors: [{ line: 3, column: 3, reason: 'y' }] })
  const bug = new Error('no failure')
  expect(inStatement(bug, sql, from)).toBe(bug)
})

test('columns are counted in characters as people count them', () => {
  expect(violationAt("-- 😀\n'😀' x", { start: "-- 😀\n'😀' ".length }, 'y')).toEqual({
    line: 2,
    column: 5,
    reason: 'y',
  })
})
