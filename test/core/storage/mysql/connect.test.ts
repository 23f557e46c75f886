import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toFailure } from '#mesh/errors.ts'
import type { Migrations } from '../../../../core/storage/control.ts'
import { openMysql } from '../../../../core/storage/mysql/connect.ts'
import { temporaryDirectory } from '../../../support/directory.ts'
import { mysqlUrl } from '../../../support/mysql.ts'
import { findMariadb, type Mariadb, password, startMariadb } from '../../../support/servers/mariadb.ts'

const program = findMariadb()
const scratch = temporaryDirectory()
let server: Mariadb

beforeAll(async () => {
  if (program !== undefined) server = await startMariadb(program)
}, 60_000)
afterAll(async () => {
  await server?.stop()
  scratch.remove()
})

async function freshName(): Promise<string> {
  const name = `d${randomUUID().slice(0, 8)}`
  await server.query(`create database ${name}`)
  return name
}

async function fresh(parameters = '', migrations: readonly Migrations[] = []) {
  return openMysql(mysqlUrl(server.url(await freshName(), parameters)), migrations)
}

/** Why it does not open. */
async function refusal(url: string, migrations: readonly Migrations[] = []) {
  const opened = await openMysql(mysqlUrl(url), migrations).catch((error: unknown) => error)
  expect(opened).toBeInstanceOf(Error)
  return opened as { readonly message: string; readonly exitCode: number }
}

describe.skipIf(program === undefined)('a MariaDB', () => {
  test('is opened over TLS by who checks the certificate, and not by who does not know its authority', async () => {
    const known = await fresh(`ssl-mode=verify-identity&ssl-ca=${server.caFile}`)
    const [[row]] = (await known.db.execute(sql`show status like 'Ssl_cipher'`)) as unknown as [[{ Value: string }]]
    expect(row.Value).not.toBe('')
    await known.close()
    const name = await freshName()
    expect(await refusal(server.url(name, 'ssl-mode=verify-identity'))).toMatchObject({
      message: expect.stringContaining('Name its authority by ssl-ca=FILE') as string,
      exitCode: 78,
    })
    await (await fresh('ssl-mode=required')).close()
  })

  test.each([
    ['a wrong password', (url: string) => url.replace('ss%2Fword', 'wrong'), 78, 'Check the user and password'],
    ['a database that is not there', (url: string) => url.replace('/main', '/absent'), 78, 'Create the database'],
    ['nothing there', (url: string) => url.replace(/:\d+\//, ':1/'), 68, 'Start the server'],
    ['a host that is none', (url: string) => url.replace('localhost', 'db.invalid'), 68, 'Check the host'],
    ['a file that is not there', (url: string) => `${url}&ssl-mode=required&ssl-ca=/absent`, 78, 'Check the files'],
  ])('with %s says what to do, and no password', async (_, spoil, exitCode, way) => {
    const refused = await refusal(spoil(server.url('main', 'connect_timeout=1')))
    expect(refused).toMatchObject({ exitCode, message: expect.stringContaining(way) as string })
    expect(refused.message).toMatch(/^The MySQL database (?:localhost|db\.invalid):\d+\/\w+ cannot be opened: /)
    for (const secret of [password, encodeURIComponent(password)]) expect(refused.message).not.toContain(secret)
  })

  test('survives the end of the server: 503 meanwhile, and then all is well by itself', async () => {
    const mysql = await fresh('pool_size=4')
    await mysql.db.execute(sql`create table kept (n int)`)
    const ask = (): Promise<unknown> => mysql.db.execute(sql`insert into kept values (1)`)
    const inTransaction = (): Promise<unknown> =>
      mysql.db.transaction((tx) => tx.execute(sql`insert into kept values (2)`))
    await Promise.all(Array.from({ length: 8 }, ask))
    await server.kill()
    const asked = [...Array.from({ length: 8 }, ask), ...Array.from({ length: 8 }, inTransaction)]
    for (const result of await Promise.allSettled(asked)) {
      const { reason } = result as PromiseRejectedResult
      expect(toFailure(reason)).toMatchObject({ problem: 'core.unavailable', status: 503, retryAfterMs: 1_000 })
    }
    expect(await mysql.ping()).toBe(false)
    await server.restart()
    expect(await mysql.ping()).toBe(true)
    // More than there are connections: none of them was lost for good.
    await Promise.all(Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? ask() : inTransaction())))
    await mysql.close()
  })

  test('answers 503 where a statement takes longer than it may, and has its connections still', async () => {
    const mysql = await fresh('statement_timeout=200&pool_size=2')
    const slow = await Promise.allSettled(
      Array.from({ length: 4 }, () => mysql.db.transaction((tx) => tx.execute(sql`select sleep(5)`))),
    )
    for (const one of slow) expect(toFailure((one as PromiseRejectedResult).reason).problem).toBe('core.unavailable')
    await Promise.all(Array.from({ length: 4 }, () => mysql.db.execute(sql`select 1`)))
    await mysql.close()
  })

  test('does a transaction again that collided with another', async () => {
    const mysql = await fresh()
    await mysql.db.execute(sql`create table pairs (id int primary key, n int)`)
    await mysql.db.execute(sql`insert into pairs values (1, 0), (2, 0)`)
    const add = (first: number, second: number): Promise<void> =>
      mysql.db.transaction(async (tx) => {
        await tx.execute(sql`update pairs set n = n + 1 where id = ${first}`)
        await tx.execute(sql`select sleep(0.2)`)
        await tx.execute(sql`update pairs set n = n + 1 where id = ${second}`)
      })
    await Promise.all([add(1, 2), add(2, 1)])
    const [rows] = await mysql.db.execute(sql`select n from pairs`)
    expect(rows).toEqual([{ n: 2 }, { n: 2 }])
    await mysql.close()
  })

  test('takes a value for a value, whatever the server’s own mode is', async () => {
    await server.query(`set global sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'`)
    try {
      const mysql = await fresh()
      const hostile = `\\' or 1=1 -- "\\`
      const [rows] = await mysql.db.execute(sql`select ${hostile} as said`)
      expect(rows).toEqual([{ said: hostile }])
      await mysql.close()
    } finally {
      await server.query(`set global sql_mode = default`)
    }
  })
})

describe.skipIf(program === undefined)('migrations', () => {
  /** As drizzle-kit writes them. */
  function folder(statements: readonly string[]): Migrations {
    const path = join(scratch.path, randomUUID())
    mkdirSync(join(path, 'meta'), { recursive: true })
    const entries = [{ idx: 0, version: '5', when: 1, tag: '0000_first', breakpoints: true }]
    writeFileSync(join(path, 'meta', '_journal.json'), JSON.stringify({ version: '7', dialect: 'mysql', entries }))
    writeFileSync(join(path, '0000_first.sql'), statements.join('\n--> statement-breakpoint\n'))
    return { domain: 'made', folder: pathToFileURL(path) }
  }
  const tables = async (name: string) =>
    (
      await server.query<{ name: string }>(
        `select table_name as name from information_schema.tables where table_schema = '${name}' order by 1`,
      )
    ).map((row) => row.name)

  test('that fail say which, and go on where they came to once they hold', async () => {
    const name = await freshName()
    const url = server.url(name)
    const [first, third] = ['create table first (n int)', 'create table third (n int)']
    const failed = await refusal(url, [folder([first, 'create tabel second (n int)', third])])
    expect(failed).toMatchObject({
      exitCode: 78,
      message: expect.stringContaining('the migrations of made failed: ') as string,
    })
    expect(await tables(name)).toEqual(['edgewise_migrations', 'first'])
    const mended = folder([first, 'create table second (n int)', third])
    for (let i = 0; i < 2; i++) await (await openMysql(mysqlUrl(url), [mended])).close()
    expect(await tables(name)).toEqual(['edgewise_migrations', 'first', 'second', 'third'])
  })

  test('that were cut off between a statement and the note of it go on behind it', async () => {
    const name = await freshName()
    const url = server.url(name)
    const made = folder(['create table first (n int)', 'create index quick on first (n)'])
    await (await openMysql(mysqlUrl(url), [made])).close()
    await server.query('update edgewise_migrations set done = 0', name)
    await (await openMysql(mysqlUrl(url), [made])).close()
    expect(await server.query('select begun, done from edgewise_migrations', name)).toEqual([{ begun: 2, done: 2 }])
    // What nobody had begun is no remains of ours.
    await server.query('update edgewise_migrations set begun = 0, done = 0', name)
    expect((await refusal(url, [made])).message).toContain('already exists')
  })

  test('hold for several that start at once on an empty database', async () => {
    const name = await freshName()
    const url = mysqlUrl(server.url(name))
    const made = folder(['create table first (n int)', 'create table second (n int)'])
    const opened = await Promise.all(Array.from({ length: 4 }, () => openMysql(url, [made])))
    expect(await tables(name)).toEqual(['edgewise_migrations', 'first', 'second'])
    await Promise.all(opened.map((mysql) => mysql.close()))
  })
})
