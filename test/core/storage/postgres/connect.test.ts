import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toFailure } from '#mesh/errors.ts'
import { openPostgres } from '../../../../core/storage/postgres/connect.ts'
import type { Control } from '../../../../core/storage/control.ts'
import { migrations as audit } from '../../../../core/audit/index.ts'
import { databaseUrl } from '../../../support/control.ts'
import { temporaryDirectory } from '../../../support/directory.ts'
import { startNeonProxy } from '../../../support/servers/neon-proxy.ts'
import { silentProxy } from '../../../support/servers/silent-proxy.ts'
import { findPostgres, type Postgres, password, startPostgres } from '../../../support/servers/postgres.ts'

const programs = findPostgres()
const log = pino({ level: 'silent' })
let server: Postgres

beforeAll(async () => {
  if (programs !== undefined) server = await startPostgres(programs)
})
afterAll(() => server?.stop())

async function freshName(): Promise<string> {
  const name = `d${randomUUID().slice(0, 8)}`
  await server.query(`create database ${name}`)
  return name
}

async function fresh(parameters = '', migrations = [audit]): Promise<Control> {
  return openPostgres(databaseUrl(server.url(await freshName(), parameters)), migrations, log)
}

/** Why it does not open. */
async function refusal(url: string): Promise<{ readonly message: string; readonly exitCode: number }> {
  const opened = await openPostgres(databaseUrl(url), [audit], log).catch((error: unknown) => error)
  expect(opened).toBeInstanceOf(Error)
  return opened as { message: string; exitCode: number }
}

describe.skipIf(programs === undefined)('a control store on PostgreSQL', () => {
  test('is opened over TLS by who checks the certificate, and not by who does not know its authority', async () => {
    const name = await freshName()
    const known = await openPostgres(
      databaseUrl(server.url(name, `sslmode=verify-full&sslrootcert=${server.caFile}`)),
      [audit],
      log,
    )
    const encrypted = sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
    expect(await known.db.execute(encrypted)).toMatchObject({ rows: [{ ssl: true }] })
    await known.close()
    expect(await refusal(server.url(name, 'sslmode=verify-full'))).toMatchObject({
      message: expect.stringContaining('Name its authority by sslrootcert=FILE') as string,
      exitCode: 78,
    })
    // The certificate is of localhost.
    const elsewhere = server
      .url(name, `sslmode=verify-full&sslrootcert=${server.caFile}`)
      .replace('localhost', '127.0.0.1')
    expect((await refusal(elsewhere)).message).toContain('ERR_TLS_CERT_ALTNAME_INVALID')
    const byAuthority = elsewhere.replace('verify-full', 'verify-ca')
    await (await openPostgres(databaseUrl(byAuthority), [audit], log)).close()
  })

  test.each([
    ['a wrong password', (url: string) => url.replace('ss%2Fword', 'wrong'), 78, 'Check the user and password'],
    ['a database that is not there', (url: string) => url.replace('/postgres', '/absent'), 78, 'Create the database'],
    ['nothing there', (url: string) => url.replace(/:\d+\//, ':1/'), 68, 'Start the server'],
    ['a host that is none', (url: string) => url.replace('localhost', 'db.invalid'), 68, 'Check the host'],
    ['a file that is not there', (url: string) => `${url}&sslmode=require&sslrootcert=/absent`, 78, 'Check the files'],
  ])('with %s says what to do, and no password', async (_, spoil, exitCode, way) => {
    const refused = await refusal(spoil(server.url('postgres', 'connect_timeout=1')))
    expect(refused).toMatchObject({ exitCode, message: expect.stringContaining(way) as string })
    expect(refused.message).toMatch(/^The control store (?:localhost|db\.invalid):\d+\/\w+ cannot be opened: /)
    for (const secret of [password, encodeURIComponent(password)]) expect(refused.message).not.toContain(secret)
  })

  test('is waited for at a start while the server starts', async () => {
    const name = await freshName()
    await server.kill()
    const opened = openPostgres(databaseUrl(server.url(name)), [audit], log)
    await server.restart()
    const control = await opened
    expect(await control.ping()).toBe(true)
    await control.close()
  })

  test('survives the end of the server: 503 meanwhile, and then all is well by itself', async () => {
    const control = await fresh('pool_size=4')
    await control.db.execute(sql`create table kept (n int)`)
    const ask = (): Promise<unknown> => control.db.execute(sql`insert into kept values (1)`)
    const inTransaction = (): Promise<unknown> =>
      control.db.transaction((tx) => tx.execute(sql`insert into kept values (2)`))
    await Promise.all(Array.from({ length: 8 }, ask))
    await server.kill()
    const asked = [...Array.from({ length: 8 }, ask), ...Array.from({ length: 8 }, inTransaction)]
    for (const result of await Promise.allSettled(asked)) {
      const { reason } = result as PromiseRejectedResult
      expect(toFailure(reason)).toMatchObject({ problem: 'core.unavailable', status: 503, retryAfterMs: 1_000 })
    }
    expect(await control.ping()).toBe(false)
    await server.restart()
    expect(await control.ping()).toBe(true)
    // More than there are connections: none of them was lost for good.
    await Promise.all(Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? ask() : inTransaction())))
    expect(await server.query('select 1')).toHaveLength(1)
    await control.close()
  })

  test('answers 503 where a statement takes longer than it may, and has its connections still', async () => {
    const control = await fresh('statement_timeout=200&pool_size=2')
    const slow = await Promise.allSettled(
      Array.from({ length: 4 }, () => control.db.transaction((tx) => tx.execute(sql`select pg_sleep(5)`))),
    )
    for (const one of slow) expect(toFailure((one as PromiseRejectedResult).reason).problem).toBe('core.unavailable')
    await Promise.all(Array.from({ length: 4 }, () => control.db.execute(sql`select 1`)))
    await control.close()
  })

  test('is not asked for a while where it takes connections and answers nothing', { timeout: 60_000 }, async () => {
    const proxy = await silentProxy(server.port)
    const url = server
      .url(await freshName(), 'statement_timeout=100&connect_timeout=1&pool_size=5')
      .replace(`:${server.port}/`, `:${proxy.port}/`)
    const control = await openPostgres(databaseUrl(url), [], log)
    const ask = (): Promise<unknown> => control.db.execute(sql`select 1`)
    await Promise.all(Array.from({ length: 5 }, ask))
    proxy.fallSilent()
    for (const lost of await Promise.allSettled(Array.from({ length: 5 }, ask))) {
      expect(toFailure((lost as PromiseRejectedResult).reason)).toMatchObject({ problem: 'core.unavailable' })
    }
    const before = proxy.taken()
    const refused = toFailure(await ask().catch((error: unknown) => error))
    expect(refused).toMatchObject({ problem: 'core.unavailable', status: 503 })
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    expect(proxy.taken()).toBe(before)
    proxy.answer()
    await expect
      .poll(
        () =>
          ask().then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true)
    await control.close()
    await proxy.close()
  })

  test('does a transaction again that collided with another', async () => {
    const control = await fresh()
    await control.db.execute(sql`create table pairs (id int primary key, n int)`)
    await control.db.execute(sql`insert into pairs values (1, 0), (2, 0)`)
    const add = (first: number, second: number): Promise<void> =>
      control.db.transaction(async (tx) => {
        await tx.execute(sql`update pairs set n = n + 1 where id = ${first}`)
        await tx.execute(sql`select pg_sleep(0.2)`)
        await tx.execute(sql`update pairs set n = n + 1 where id = ${second}`)
      })
    await Promise.all([add(1, 2), add(2, 1)])
    expect(await control.db.execute(sql`select n from pairs`)).toMatchObject({ rows: [{ n: 2 }, { n: 2 }] })
    await control.close()
  })
})

describe.skipIf(programs === undefined)('migrations', () => {
  const broken = temporaryDirectory()
  afterAll(() => broken.remove())

  /** The first one holds; the second half does not. */
  function folder(statements: string): { readonly domain: string; readonly folder: URL } {
    const path = join(broken.path, randomUUID())
    mkdirSync(join(path, 'meta'), { recursive: true })
    const entries = [{ idx: 0, version: '7', when: 1, tag: '0000_first', breakpoints: true }]
    writeFileSync(join(path, 'meta', '_journal.json'), JSON.stringify({ version: '7', dialect: 'postgresql', entries }))
    writeFileSync(join(path, '0000_first.sql'), statements)
    return { domain: 'made', folder: pathToFileURL(path) }
  }

  test('that fail leave nothing, say which, and are made once they hold', async () => {
    const name = await freshName()
    const bad = folder('create table made (n int);\n--> statement-breakpoint\ncreate tabel other (n int);')
    const url = databaseUrl(server.url(name))
    const failed = await openPostgres(url, [audit, bad], log).catch((error: unknown) => error as Error)
    expect(failed).toMatchObject({
      exitCode: 78,
      message: expect.stringContaining('the migrations of made failed: syntax error at or near "tabel"') as string,
    })
    expect(await server.query(`select to_regclass('made') as made`, name)).toEqual([{ made: null }])
    const good = folder('create table made (n int);\n--> statement-breakpoint\ncreate table other (n int);')
    await (await openPostgres(url, [audit, good], log)).close()
    expect(await server.query(`select to_regclass('made')::text as made`, name)).toEqual([{ made: 'made' }])
  })

  test('hold for several that start at once on an empty database', async () => {
    const url = databaseUrl(server.url(await freshName()))
    const opened = await Promise.all(Array.from({ length: 4 }, () => openPostgres(url, [audit], log)))
    const journal = JSON.parse(readFileSync(new URL('meta/_journal.json', `${audit.folder.href}/`), 'utf8')) as {
      readonly entries: readonly unknown[]
    }
    const made = await opened[0]!.db.execute(sql`select count(*)::int as n from migrations.audit`)
    expect(made).toMatchObject({ rows: [{ n: journal.entries.length }] })
    await Promise.all(opened.map((control) => control.close()))
  })
})

describe.skipIf(programs === undefined)('a control store on Neon', () => {
  test('is asked within WebSockets, and survives the end of the server', async () => {
    const proxy = await startNeonProxy()
    const control = await fresh(`driver=neon&ws_proxy=${encodeURIComponent(proxy.url)}&pool_size=3`)
    await control.db.transaction(async (tx) => {
      await tx.execute(sql`create table kept (n int)`)
      await tx.execute(sql`insert into kept values (1)`)
    })
    expect(proxy.served()).toBeGreaterThan(0)
    await server.kill()
    const lost = await control.db.execute(sql`select 1`).catch(toFailure)
    expect(lost).toMatchObject({ problem: 'core.unavailable' })
    expect(await control.ping()).toBe(false)
    await server.restart()
    await Promise.all(Array.from({ length: 9 }, () => control.db.execute(sql`select n from kept`)))
    await control.close()
    await proxy.stop()
  })
})
