import { expect, test } from 'vitest'
import { checkEngines } from '../../../../core/cli/doctor/engines.ts'
import { findPostgres, password, startPostgres } from '../../../support/servers/postgres.ts'

const programs = findPostgres()

test('what is embedded is named, with what to set', async () => {
  expect(await checkEngines({})).toMatchObject([
    {
      level: 'note',
      what: expect.stringContaining('PGlite') as string,
      mend: expect.stringContaining('DATABASE_URL') as string,
    },
  ])
})

test('a DATABASE_URL that does not hold is broken, and not shown', async () => {
  const findings = await checkEngines({ DATABASE_URL: 'postgres://u:s3cret@h/d?sslmod=require' })
  expect(findings).toMatchObject([
    { level: 'broken', what: expect.stringContaining('did you mean sslmode?') as string },
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
      ])
      const [finding] = await checkEngines({ DATABASE_URL: server.url('absent') })
      expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining('Create the database') as string })
      expect(finding?.what).not.toContain(password)
    } finally {
      await server.stop()
    }
  },
)
