import { expect, test } from 'vitest'
import { checkEngines } from '../../../../core/cli/doctor/engines.ts'
import { findMariadb, password as secret, startMariadb } from '../../../support/servers/mariadb.ts'
import { findPostgres, password, startPostgres } from '../../../support/servers/postgres.ts'

const programs = findPostgres()
const items = { level: 'note', mend: expect.stringContaining('MYSQL_URL') as string }

test('what is embedded is named, with what to set', async () => {
  expect(await checkEngines({})).toMatchObject([
    {
      level: 'note',
      what: expect.stringContaining('PGlite') as string,
      mend: expect.stringContaining('DATABASE_URL') as string,
    },
    items,
  ])
})

test('a DATABASE_URL that does not hold is broken, and not shown', async () => {
  const findings = await checkEngines({ DATABASE_URL: 'postgres://u:s3cret@h/d?sslmod=require' })
  expect(findings).toMatchObject([
    { level: 'broken', what: expect.stringContaining('did you mean sslmode?') as string },
    items,
  ])
  expect(JSON.stringify(findings)).not.toContain('s3cret')
})

test.skipIf(programs === undefined)(
  'a server is asked, and what is wrong with it said',
  { timeout: 60_000 },
  async () => {
    const server = await startPostgres(programs ?? '')
    try {
      expect(await checkEngines({ DATABASE_URL: server.url() })).toMatchObject([
        { level: 'ok', what: `The control store is on PostgreSQL at localhost:${server.port}/postgres` },
        items,
      ])
      const [finding] = await checkEngines({ DATABASE_URL: server.url('absent') })
      expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining('Create the database') as string })
      expect(finding?.what).not.toContain(password)
    } finally {
      await server.stop()
    }
  },
)

const mariadb = findMariadb()
test.skipIf(mariadb === undefined)('a MySQL is asked too', { timeout: 60_000 }, async () => {
  const server = await startMariadb(mariadb ?? '')
  try {
    const [, found] = await checkEngines({ MYSQL_URL: server.url() })
    expect(found).toEqual({ level: 'ok', what: `Items are on MySQL at localhost:${server.port}/main` })
    const [, broken] = await checkEngines({ MYSQL_URL: server.url('absent') })
    expect(broken).toMatchObject({ level: 'broken', what: expect.stringContaining('Create the database') as string })
    expect(JSON.stringify(broken)).not.toContain(secret)
  } finally {
    await server.stop()
  }
})
