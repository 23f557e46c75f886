import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { everyScope, openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const owner = { scopes: [...everyScope, 'pii:read'] }
const columns = [
  { name: 'n', type: 'Int64' },
  { name: 'email', type: 'String' },
]
const marked = (pii?: boolean) => [columns[0]!, { ...columns[1]!, ...(pii !== undefined && { pii }) }]
const row = '{"n":1,"email":"ann@example.com"}'
const masked = (stream: string, what = '*') => world.rows(`SELECT ${what} FROM ${stream}`, '_masked_main')

describe('a column is marked as personal', () => {
  test('where its stream is declared, later, and until somebody who sees it takes the mark away', async () => {
    await world.put({ name: 'people', schema: { columns } })
    await world.write('people', row)
    expect(await masked('people')).toEqual([{ n: '1', email: 'ann@example.com' }])
    expect(await world.put({ name: 'people', schema: { columns: marked(true) } })).toMatchObject({ version: 2 })
    expect(await masked('people')).toEqual([{ n: '1', email: '' }])
    // Not said again, it stays.
    expect(await world.put({ name: 'people', schema: { columns } })).toMatchObject({ version: 2 })
    await expect(world.put({ name: 'people', schema: { columns: marked(false) } })).rejects.toMatchObject({
      problem: 'auth.scope',
    })
    await expect(world.put({ name: 'people', schema: { columns: marked(false) }, dryRun: true })).rejects.toMatchObject(
      {
        problem: 'auth.scope',
      },
    )
    expect((await world.get('people')).schema?.columns).toMatchObject([{ pii: false }, { name: 'email', pii: true }])
    await world.put({ name: 'people', schema: { columns: marked(false) } }, owner)
    expect(await masked('people')).toEqual([{ n: '1', email: 'ann@example.com' }])
  })

  test('and stays so when columns are added, by a declaration or by events', async () => {
    await world.put({ name: 'wide', schema: { columns: marked(true) } })
    await world.put({ name: 'wide', schema: { columns: [...columns, { name: 'phone', type: 'String', pii: true }] } })
    await world.write('wide', '{"n":1,"email":"ann@example.com","phone":"555","more":"plain"}')
    expect(await masked('wide')).toEqual([{ n: '1', email: '', phone: '', more: 'plain' }])
    expect(await masked('wide', '_partition >= 0 AS p, _offset >= 0 AS o')).toEqual([{ p: 1, o: 1 }])
  })

  test('with a mask that is there before anybody could be told of the mark', async () => {
    await world.put({ name: 'early', schema: { columns } })
    await world.write('early', row)
    const broken = world.reopen({ mask: () => Promise.reject(new Error('the warehouse is gone')) })
    await expect(broken.put({ name: 'early', schema: { columns: marked(true) } })).rejects.toThrow(/gone/)
    expect((await world.get('early')).schema?.columns[1]).toMatchObject({ pii: false })
  })

  test('but for those that say where a row is stored, or whether it is a repeat', async () => {
    const all = ['at', 'who', 'kind', 'host', 'free'].map((name) => ({ name, type: name === 'at' ? 'Date' : 'String' }))
    const schema = { columns: all, orderBy: ['kind'], partitionBy: 'host', id: 'who' }
    const marking = (name: string) => ({ ...schema, columns: all.map((one) => ({ ...one, pii: one.name === name })) })
    for (const known of [false, true]) {
      if (known) await world.put({ name: 'placed', schema })
      for (const name of ['at', 'who', 'kind', 'host']) {
        await expect(world.put({ name: 'placed', schema: marking(name) }, owner)).rejects.toMatchObject({
          problem: 'stream.schema',
          errors: [{ pointer: `/columns/${name}/pii` }],
        })
      }
    }
    expect(await world.put({ name: 'placed', schema: marking('free') })).toMatchObject({ version: 2 })
  })

  test('also of a stream that was there before there were masks', async () => {
    await world.put({ name: 'old', schema: { columns: marked(true) } })
    await world.write('old', row)
    await world.warehouse.command('DROP VIEW _masked_main.old SYNC')
    await expect(masked('old')).rejects.toThrow(/old/)
    await world.maskStreams()
    expect(await masked('old')).toEqual([{ n: '1', email: '' }])
  })

  test('and a stream that is dropped takes its mask along', async () => {
    await world.put({ name: 'short', schema: { columns: marked(true) } })
    await expect(world.drop('short')).rejects.toMatchObject({ problem: 'auth.scope' })
    await world.drop('short', owner)
    await expect(masked('short')).rejects.toThrow(/short/)
    await world.write('short', row)
    expect(await masked('short')).toEqual([{ n: '1', email: 'ann@example.com' }])
  })
})

describe('refused rows of a stream with personal data', () => {
  const secret = 'bob@example.com'

  test('are listed without what they hold, and replayed without saying it', async () => {
    await world.put({ name: 'refused', schema: { columns: marked(true) } })
    await world.write('refused', `{"n":"${secret}","email":"${secret}"}\n{"n":"${secret}"`)
    const { rows } = await world.quarantine({ stream: 'refused' })
    expect(rows).toHaveLength(2)
    expect(JSON.stringify(rows.map(({ column, reason, text }) => [column, reason, text]))).not.toContain(secret)
    expect(rows[0]).toMatchObject({ text: '', reason: expect.stringContaining('pii:read') as string })
    const replayed = await world.replay({ stream: 'refused', rows: rows.map(({ id }) => ({ id })) })
    expect(replayed.errors).toHaveLength(2)
    expect(JSON.stringify(replayed.errors)).not.toContain(secret)
    // What somebody sends anew may be said.
    const own = await world.replay({ stream: 'refused', rows: [{ id: rows[0]!.id, text: '{"n":"mine"}' }] })
    expect(own.errors[0]?.reason).toContain('mine')
    const seen = (await world.quarantine({ stream: 'refused' }, owner)).rows
    expect(seen.map(({ text }) => text.includes(secret))).toEqual([true, true])
    const one = { scopes: [...everyScope, 'pii:read:refused'] }
    expect((await world.quarantine({ stream: 'refused' }, one)).rows[0]?.text).toContain(secret)
  })

  test('are given up with their stream, so that none of its name shows them', async () => {
    const schema = { columns: marked(true) }
    await world.put({ name: 'again', schema })
    await world.write('again', `{"n":"${secret}"}`)
    await world.drop('again', owner)
    await world.put({ name: 'again', schema: { columns } })
    expect((await world.quarantine({ stream: 'again' })).rows).toEqual([])
  })

  test('are nothing in SQL either, of whichever stream', async () => {
    expect(JSON.stringify(await masked('_quarantine'))).not.toContain(secret)
    expect(await masked('_quarantine', 'DISTINCT text, reason')).toEqual([{ text: '', reason: '' }])
  })
})

describe('rows are deleted', () => {
  beforeAll(async () => {
    await world.put({ name: 'gone', schema: { columns: marked(true) } })
    await world.write('gone', '{"n":1,"email":"a@x"}\n{"n":2,"email":"b@x"}\n{"n":3,"email":"c@x"}')
    await world.put({ name: 'other', schema: { columns } })
    await world.write('other', '{"n":2,"email":"b@x"}')
  })

  test.each([
    "email = 'a@x'",
    "gone.email LIKE 'a%'",
    "n IN (SELECT n FROM gone AS g WHERE g.email > 'a')",
    'empty(email) OR n = 7',
    'email.size0 = 3',
    'n = (SELECT max(length(email)) FROM gone)',
    'n IN (SELECT n FROM other JOIN gone USING (email))',
  ])('never by personal data without seeing it: %s', async (where) => {
    for (const dryRun of [true, false]) {
      await expect(world.deleteRows({ name: 'gone', where, dryRun })).rejects.toMatchObject({
        problem: 'auth.scope',
        errors: [{ pointer: 'where' }],
      })
    }
    expect(await world.rows('SELECT count() AS n FROM gone')).toEqual([{ n: '3' }])
  })

  test('by a condition that reads all columns, as if they were empty', async () => {
    const where = "toString(tuple(*)) LIKE '%a@x%'"
    expect(await world.deleteRows({ name: 'gone', where })).toMatchObject({ deleted: 0n })
    expect(await world.deleteRows({ name: 'gone', where, dryRun: true }, owner)).toMatchObject({ deleted: 1n })
  })

  test('by other columns, and by personal data by those who see it', async () => {
    expect(await world.deleteRows({ name: 'gone', where: 'n IN (SELECT n FROM other)' })).toMatchObject({ deleted: 1n })
    expect(await world.deleteRows({ name: 'gone', where: "email = 'a@x'" }, owner)).toMatchObject({ deleted: 1n })
    expect(await world.rows('SELECT n FROM gone')).toEqual([{ n: '3' }])
  })
})
