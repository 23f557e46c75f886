import { expect, test } from 'vitest'
import { checkEngines } from '../../../../core/cli/doctor/engines.ts'
import { findMariadb, password as secret, startMariadb } from '../../../support/servers/mariadb.ts'
import { findPostgres, password, startPostgres } from '../../../support/servers/postgres.ts'

const programs = findPostgres()

test('what is embedded is named, with what to set', async () => {
  const named = (await checkEngines({})).map(({ level, what, mend }) => [level, `${what} ${mend}`])
  for (const [engine, variable] of [
    ['PGlite', 'DATABASE_URL'],
    ['Items', 'MYSQL_URL'],
    ['Documents', 'MONGODB_URL'],
  ]) {
    expect(named).toContainEqual(['note', expect.stringMatching(`${engine}.*${variable}`)])
  }
})

test.each([
  ['DATABASE_URL', 'postgres://u:s3cret@h/d?sslmod=require', 'did you mean sslmode?'],
  ['MONGODB_URL', 'mongodb://u:s3cret@h/d?w=0', 'has w=0'],
  ['MONGODB_URL', 'mongodb://u:s3cret@127.0.0.1:1/d', 'Start the server'],
])('a %s that does not hold is broken, and not shown', async (variable, url, said) => {
  const findings = await checkEngines({ [variable]: url })
  expect(findings).toContainEqual(
    expect.objectContaining({ level: 'broken', what: expect.stringContaining(said) as string }),
  )
  expect(JSON.stringify(findings)).not.toContain('s3cret')
})

test.skipIf(programs === undefined)(
  'a server is asked, and what is wrong with it said',
  { timeout: 60_000 },
  async () => {
    const server = await startPostgres(programs ?? '')
    try {
      expect(await checkEngines({ DATABASE_URL: server.url() })).toContainEqual({
        level: 'ok',
        what: `The control store is on PostgreSQL at localhost:${server.port}/postgres`,
      })
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
