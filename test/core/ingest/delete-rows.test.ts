import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { everyScope, openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const values = (given: Record<string, string[]>) =>
  Object.fromEntries(Object.entries(given).map(([name, texts]) => [name, { values: texts }]))
const numbers = async (stream: string): Promise<number[]> =>
  (await world.rows<{ n: string }>(`SELECT n FROM ${stream} ORDER BY n`)).map(({ n }) => Number(n))
/** Rows `{"n": 0, "kind": "even"}` and so on. */
const fill = (stream: string, count: number) =>
  world.write(
    stream,
    Array.from({ length: count }, (_, n) => `{"n":${n},"kind":"${n % 2 === 0 ? 'even' : 'odd'}"}`).join('\n'),
  )

describe('a condition', () => {
  test('deletes the rows that it holds for, equal ones all, and no other', async () => {
    await fill('some', 10)
    await fill('some', 4)
    expect(await world.deleteRows({ name: 'some', where: "kind = 'odd'", dryRun: true })).toMatchObject({ deleted: 7n })
    expect(await numbers('some')).toHaveLength(14)
    expect(await world.deleteRows({ name: 'some', where: "kind = 'odd'" })).toMatchObject({ deleted: 7n })
    expect(await numbers('some')).toEqual([0, 0, 2, 2, 4, 6, 8])
    expect((await world.get('some')).statistics).toMatchObject({ rows: 7n, lag: 0n })
    expect(await world.deleteRows({ name: 'some', where: 'n > 100' })).toMatchObject({ deleted: 0n })
    // The places are not left behind.
    expect(await world.rows("SELECT name FROM system.tables WHERE name LIKE '\\_deleting%'")).toEqual([])
  })

  test('takes parameters: one value, or an array by repeating or by commas', async () => {
    await fill('given', 12)
    const where = 'kind = {kind:String} AND n IN {ns:Array(UInt64)}'
    const gone = (kind: string[], ns: string[]) =>
      world.deleteRows({ name: 'given', where, params: values({ kind, ns }) })
    expect(await gone(['even'], ['2', '4', '5'])).toMatchObject({ deleted: 2n })
    expect(await gone(['even'], ['6,8'])).toMatchObject({ deleted: 2n })
    expect(await gone(["' OR 1 --"], ['1,3'])).toMatchObject({ deleted: 0n })
    expect(await numbers('given')).toEqual([0, 1, 3, 5, 7, 9, 10, 11])
    for (const [params, problem, pointer] of [
      [values({ kind: ['even'] }), 'request.missing_parameter', 'ns'],
      [values({ kind: ['even'], ns: ['1'], other: ['1'] }), 'request.unknown_parameter', 'other'],
      [values({ kind: ['even', 'odd'], ns: ['1'] }), 'query.parameter', 'kind'],
      [values({ kind: ['even'], ns: ['x'] }), 'query.parameter', 'ns'],
    ] as const) {
      await expect(world.deleteRows({ name: 'given', where, params })).rejects.toMatchObject({
        problem,
        errors: [{ pointer }],
      })
    }
  })

  test('that reads the stream itself is asked once, before anything is gone', async () => {
    await fill('largest', 5)
    await fill('largest', 5)
    const where = 'n = (SELECT max(n) FROM largest)'
    expect(await world.deleteRows({ name: 'largest', where })).toMatchObject({ deleted: 2n })
    expect(await numbers('largest')).toEqual([0, 0, 1, 1, 2, 2, 3, 3])
  })

  test('that makes rows many counts each once', async () => {
    await world.write('listed', '{"n":1,"tags":["a","b"]}\n{"n":2,"tags":["c"]}')
    const where = "arrayJoin(tags) IN ('a', 'b')"
    expect(await world.deleteRows({ name: 'listed', where })).toMatchObject({ deleted: 1n })
    expect(await numbers('listed')).toEqual([2])
  })

  test('is asked about rows that were on their way to the table, also while others write', async () => {
    await fill('busy', 1)
    const writing = Array.from({ length: 20 }, (_, at) =>
      world.write('busy', `{"n":${at + 1},"kind":"late"}`, { wait: false }),
    )
    await Promise.all(writing)
    expect(await world.deleteRows({ name: 'busy', where: "kind = 'late'" })).toMatchObject({ deleted: 20n })
    await world.write('busy', '{"n":99,"kind":"later"}')
    expect(await numbers('busy')).toEqual([0, 99])
  })

  test('that is missing or empty is refused, and truncating is pointed at', async () => {
    await fill('whole', 2)
    for (const where of ['', '  \n ']) {
      const failure = await world.deleteRows({ name: 'whole', where }).catch((thrown: unknown) => thrown)
      expect(failure).toMatchObject({
        problem: 'request.missing_parameter',
        status: 400,
        errors: [{ pointer: 'where' }],
      })
      expect((failure as { hint: string }).hint).toContain('/v1/streams/whole/truncate')
    }
    expect(await numbers('whole')).toEqual([0, 1])
  })
})

describe('a text that is no condition', () => {
  beforeAll(async () => {
    await fill('kept', 3)
    await fill('beside', 3)
    await world.write('theirs', '{"n":1}', {}, { workspace: 'other' })
  })

  test.each([
    ['parentheses that are not its own', '1) OR (1'],
    ['parentheses that close the statement', '1)) --'],
    ['one parenthesis', '(n = 1'],
    ['another statement', '1; DROP TABLE kept'],
    ['a comment that does not end', 'n = 1 /*'],
    ['only a comment', '/* n = 1 */'],
    ['a comment before a parenthesis', 'n = 1 -- \n) OR (1'],
    ['a union', 'n = 7 UNION ALL SELECT _partition, _offset FROM beside'],
    ['an intersection', '1 INTERSECT SELECT _partition, _offset FROM beside'],
    ['a group', '1 GROUP BY _partition, _offset'],
    ['a group of all', '1 GROUP BY ALL'],
    ['totals', '1 WITH TOTALS'],
    ['a limit', '1 LIMIT 1'],
    ['an order', '1 ORDER BY n'],
    ['settings', '1 SETTINGS max_threads = 1'],
    ['settings within', 'n IN (SELECT n FROM kept SETTINGS additional_table_filters = {})'],
    ['a format', '1 FORMAT Null'],
    ['a file', "1 INTO OUTFILE '/tmp/x'"],
    ['two columns', '1, 2'],
    ['another place', '((0 AS _offset) = 0) OR 1'],
    ['another place by a quoted name', '(0 AS `_partition`) = 0'],
    ["another workspace's stream", 'n IN (SELECT n FROM other.theirs)'],
    ["another workspace's stream by its name alone", 'n IN other.theirs'],
    ['the engine’s tables', 'n IN (SELECT 1 FROM system.tables)'],
    ['a table function', "n IN (SELECT 1 FROM file('/etc/passwd'))"],
    ['a function that is not allowed', "joinGet('other.theirs', 'n', n) = 1"],
    ['a sleep', 'sleep(1) = 0'],
    ['a name made of a parameter', '{name:Identifier} = 1'],
    ['NUL', 'n = 1\0 OR 1'],
    ['an aggregate', 'count() > 0'],
    ['a column that is not there', 'm = 1'],
  ])('%s is refused, and nothing is gone', async (_, where) => {
    const params = where.includes('{name') ? values({ name: ['n'] }) : {}
    const failure = await world.deleteRows({ name: 'kept', where, params }).catch((thrown: unknown) => thrown)
    expect((failure as { problem?: string }).problem).toMatch(/^query\./)
    expect((failure as { status: number }).status).toBeLessThan(500)
    expect(await numbers('kept')).toEqual([0, 1, 2])
    expect(await numbers('beside')).toEqual([0, 1, 2])
  })

  test('is shown the place', async () => {
    await expect(world.deleteRows({ name: 'kept', where: 'n = 1 AND\n  )' })).rejects.toMatchObject({
      problem: 'query.syntax',
      errors: [{ line: 2, column: 3 }],
    })
  })

  test('a union in parentheses is an expression, and no way to other places', async () => {
    const where = '(SELECT 0) UNION ALL SELECT 1'
    await expect(world.deleteRows({ name: 'kept', where })).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(await numbers('kept')).toEqual([0, 1, 2])
  })
})

describe('who may delete rows', () => {
  const where = '1'
  beforeAll(() => fill('mine', 2))

  test('not who may only read, nor who may not query', async () => {
    for (const scopes of [
      ['streams:read', 'sql:read', 'queries:read', 'endpoints:read'],
      ['streams:write'],
      ['streams:write:some', 'sql:read'],
    ]) {
      await expect(world.deleteRows({ name: 'mine', where }, { scopes })).rejects.toMatchObject({
        problem: 'auth.scope',
      })
      await expect(world.deleteRows({ name: 'mine', where, dryRun: true }, { scopes })).rejects.toMatchObject({
        problem: 'auth.scope',
      })
    }
  })

  test('not who has filters or bound parameters', async () => {
    const filters = [{ stream: 'mine', column: 'kind', values: ['odd'] }]
    for (const [name, actor, problem] of [
      ['mine', { scopes: everyScope, filters }, 'auth.scope'],
      ['some', { scopes: everyScope, filters }, 'stream.not_found'],
      ['mine', { scopes: everyScope, params: { kind: 'odd' } }, 'auth.scope'],
    ] as const) {
      for (const dryRun of [true, false]) {
        await expect(world.deleteRows({ name, where, dryRun }, { ...actor })).rejects.toMatchObject({ problem })
      }
    }
  })

  test('nobody those of the system, of another workspace, or of no stream', async () => {
    await expect(world.deleteRows({ name: '_requests', where })).rejects.toMatchObject({ problem: 'request.invalid' })
    await expect(world.deleteRows({ name: 'mine', where }, { workspace: 'other' })).rejects.toMatchObject({
      problem: 'stream.not_found',
    })
    await expect(world.deleteRows({ name: 'nothing', where })).rejects.toMatchObject({ problem: 'stream.not_found' })
    expect(await numbers('mine')).toEqual([0, 1])
    expect(
      await world.deleteRows({ name: 'mine', where }, { scopes: ['streams:write:mine', 'sql:read'] }),
    ).toMatchObject({ deleted: 2n })
  })
})

describe('the audit log', () => {
  test('says how many rows were deleted, and of what broke off that it may have been done in part', async () => {
    await fill('recorded', 4)
    const before = (await world.audited('delete_rows')).length
    await world.deleteRows({ name: 'recorded', where: "kind = 'odd'" })
    await world.deleteRows({ name: 'recorded', where: 'n > 100' })
    const breaking = world.reopen({
      async deleteRows(_workspace, _name, _selection, _until, begin) {
        await begin(2)
        throw new Error('the warehouse is gone')
      },
      async truncate() {
        throw new Error('the warehouse is gone')
      },
    })
    await expect(breaking.deleteRows({ name: 'recorded', where: "kind = 'even'" })).rejects.toThrow('gone')
    expect((await world.audited('delete_rows')).slice(before)).toEqual([
      { rows: 2 },
      { rows: 0 },
      { rows: 2, interrupted: true },
    ])
    await expect(breaking.truncate('recorded')).rejects.toThrow('gone')
    await world.truncate('recorded')
    expect(await world.audited('truncate_stream')).toEqual([{ interrupted: true }, {}])
  })
})
