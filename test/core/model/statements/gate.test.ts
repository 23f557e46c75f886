import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseStatement } from '../../../../core/model/statements/parse-statement.ts'
import { inStatement } from '../../../../core/model/statements/place.ts'
import { Failure } from '../../../../mesh/errors.ts'
import { analyst, failureOf, sql, startQuery, type Fixture } from '../../query/fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startQuery()
})
afterAll(() => fixture.close())

const partOf = (text: string) => {
  const parsed = parseStatement(text)
  if (parsed?.kind !== 'evaluate') throw new Error('It is another statement.')
  return parsed.from
}

test.each([
  ['EVALUATE auc FROM (\n  SELECT id AS actual,\n    FROM orders -- )\n)', 'query.syntax', '3:10'],
  ['EVALUATE auc FROM (SELECT nope AS actual FROM orders)', 'query.unknown_column', '1:27'],
  ["/* é\n */ EVALUATE auc FROM (SELECT 'é', nope FROM orders)", 'query.unknown_column', '2:36'],
])('what the gate and the engine say of the SELECT in %s has its place in the whole', async (text, problem, place) => {
  const part = partOf(text)
  const failure = inStatement(await failureOf(sql(fixture.service, analyst, part.sql)), text, part)
  if (!(failure instanceof Failure)) throw failure
  const [first] = failure.errors
  expect([failure.problem, `${first?.line}:${first?.column}`]).toEqual([problem, place])
})

test('a SELECT that ends in a comment runs as it is', async () => {
  const part = partOf('EVALUATE auc FROM (SELECT count() AS n FROM orders -- )\n # )\n /* ) */)')
  expect((await sql(fixture.service, analyst, part.sql)).rows).toEqual([{ n: 4 }])
})
