import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Format } from '../../../proto/gen/edgewise/query/v1/query_pb.ts'
import { callBy } from '../../support/call.ts'
import { analyst, type Fixture, failureOf, sql, startQuery, tenantA, type Who } from './fixture.ts'

let world: Fixture
let callers = 0

beforeAll(async () => {
  world = await startQuery()
  await world.warehouse.command(
    'CREATE TABLE main.wide (n UInt64, text String, _partition UInt16 MATERIALIZED 0, _offset UInt64 MATERIALIZED 0) ' +
      'ENGINE = MergeTree ORDER BY n SETTINGS index_granularity = 1000',
  )
  await world.warehouse.command('INSERT INTO main.wide SELECT number, toString(number) FROM numbers(100000)')
}, 60_000)
afterAll(() => world.close())

/** Another caller each time: a subject of its own, with a plan of its own. */
const caller = (plan: { rows?: bigint; bytes?: bigint }, who: typeof analyst | typeof tenantA = analyst): Who => ({
  ...who,
  id: `key_${callers++}`,
  plan: { name: 'p', requests: 0, windowSeconds: 3_600, ...plan },
})

async function left(who: Who): Promise<Record<string, number>> {
  const { actor } = callBy(who)
  if (actor === undefined) return {}
  return Object.fromEntries((await world.budgets.quotas(actor)).map((quota) => [quota.unit, quota.left]))
}

describe('a plan of rows and bytes', () => {
  test('is charged what a query really read, not what it was priced at', async () => {
    const who = caller({ rows: 250_000n, bytes: 100_000_000n })
    await sql(world.service, who, 'SELECT n FROM wide LIMIT 1', { format: Format.JSON })
    const { rows = 0, bytes = 0 } = await left(who)
    expect(rows).toBeGreaterThan(150_000)
    expect(rows).toBeLessThan(250_000)
    expect(bytes).toBeLessThan(100_000_000)
  })

  test('is charged the price where the engine does not say what was read', async () => {
    const who = caller({ rows: 250_000n })
    await sql(world.service, who, 'SELECT sum(n) FROM wide', { format: Format.PARQUET })
    expect((await left(who))['rows']).toBe(150_000)
  })

  test('refuses what costs more than is left before it is read, says the price, and charges nothing for that', async () => {
    const who = caller({ rows: 30_000n })
    const failure = await failureOf(sql(world.service, who, 'SELECT sum(n) FROM wide'))
    expect([failure.problem, failure.status]).toEqual(['limit.cost', 429])
    expect(failure.message).toContain('about 100000 rows; 30000 are left')
    expect(failure.retryAfterMs).toBeUndefined()
    expect(await left(who)).toEqual({ rows: 30_000 })
    expect((await sql(world.service, who, 'SELECT count() AS c FROM wide WHERE n < 10')).rows).toEqual([{ c: 10 }])
  })

  test('ends a query in the engine that reads more bytes than are left, and then refuses until the window moves', async () => {
    const who = caller({ bytes: 10_000n })
    expect((await failureOf(sql(world.service, who, 'SELECT sum(length(text)) FROM wide'))).problem).toBe('limit.cost')
    const failure = await failureOf(sql(world.service, who, 'SELECT 1 FROM orders'))
    expect(failure.problem).toBe('limit.cost')
    expect(failure.retryAfterMs).toBeGreaterThan(0)
  })

  test('is shared by whoever has one subject, and told when four fifths of it are used', async () => {
    const [one, two] = [caller({ rows: 110_000n }), caller({ rows: 110_000n })].map((who) => ({ ...who, subject: 's' }))
    world.lines.length = 0
    await sql(world.service, one ?? {}, 'SELECT sum(n) FROM wide', { format: Format.JSON })
    expect(world.lines).toContainEqual({ near: 'rows' })
    expect((await failureOf(sql(world.service, two ?? {}, 'SELECT sum(n) FROM wide'))).problem).toBe('limit.cost')
  })

  test('tells a caller who sees some rows only neither what a query reads nor what of the plan is left', async () => {
    const who = caller({ rows: 3n }, tenantA)
    const failure = await failureOf(sql(world.service, who, 'SELECT sum(amount) FROM orders'))
    expect(failure.problem).toBe('limit.cost')
    expect(failure.message).toContain('more than is left')
    for await (const { piece } of world.service.runSql(
      {
        $typeName: 'edgewise.query.v1.RunSqlRequest',
        sql: 'SELECT sum(amount) FROM orders',
        params: {},
        format: Format.JSON,
        timezone: '',
        int64AsString: false,
      },
      callBy(caller({ rows: 1_000n }, tenantA)),
    )) {
      if (piece.case === 'head') expect(piece.value.quotas).toEqual([])
    }
  })

  test('costs nothing where there is none: no statement but the query is sent', async () => {
    const answer = await sql(world.service, analyst, 'SELECT 1 AS one')
    expect(answer.rows).toEqual([{ one: 1 }])
    expect(await left(analyst)).toEqual({})
  })
})
