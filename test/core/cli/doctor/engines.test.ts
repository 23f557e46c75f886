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
    {
      level: 'note',
      what: expect.stringContaining('chDB') as string,
      mend: expect.stringContaining('CLICKHOUSE_URL') as string,
    },
  ])
})

test('a DATABASE_URL that does not hold is broken, and not shown', async () => {
  const findings = await checkEngines({ DATABASE_URL: 'postgres://u:s3cret@h/d?sslmod=require' })
  expect(findings[0]).toMatchObject({
    level: 'broken',
    what: expect.stringContaining('did you mean sslmode?') as string,
  })
  expect(JSON.stringify(findings)).not.toContain('s3cret')
})

test.skipIf(programs === undefined)(
  'a server is asked, and what is wrong with it said',
  { timeout: 60_000 },
  async () => {
    const server = await startPostgres(programs ?? '')
    try {
      const [found] = await checkEngines({ DATABASE_URL: server.url() })
      expect(found).toMatchObject({
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

test('a CLICKHOUSE_URL that does not hold, or where nobody answers, is broken, and no password is shown', async () => {
  for (const [url, said] of [
    ['http://u:s3cret@h:1/shop', 'has a path'],
    ['http://u:s3cret@127.0.0.1:1', 'Start the server'],
  ] as const) {
    const [, finding] = await checkEngines({ CLICKHOUSE_URL: url })
    expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining(said) as string })
    expect(JSON.stringify(finding)).not.toContain('s3cret')
  }
})
