import { expect, test } from 'vitest'
import { checkEngines } from '../../../../core/cli/doctor/engines.ts'
import { findPostgres, password, startPostgres } from '../../../support/servers/postgres.ts'
import { findRedis, startRedis } from '../../../support/servers/redis.ts'

const programs = findPostgres()
const redis = findRedis()

test('what is embedded is named, with what to set', async () => {
  expect(await checkEngines({})).toMatchObject([
    {
      level: 'note',
      what: expect.stringContaining('PGlite') as string,
      mend: expect.stringContaining('DATABASE_URL') as string,
    },
    {
      level: 'note',
      what: expect.stringContaining('Redis is embedded') as string,
      mend: expect.stringContaining('REDIS_URL') as string,
    },
  ])
})

test('a DATABASE_URL that does not hold is broken, and not shown', async () => {
  const findings = await checkEngines({ DATABASE_URL: 'postgres://u:s3cret@h/d?sslmod=require' })
  expect(findings).toMatchObject([
    { level: 'broken', what: expect.stringContaining('did you mean sslmode?') as string },
    { level: 'note' },
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
        { level: 'note' },
      ])
      const [finding] = await checkEngines({ DATABASE_URL: server.url('absent') })
      expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining('Create the database') as string })
      expect(finding?.what).not.toContain(password)
    } finally {
      await server.stop()
    }
  },
)

test.skipIf(redis === undefined)('a Redis is asked, and what is wrong with it said', { timeout: 60_000 }, async () => {
  const server = await startRedis(redis ?? '')
  const findingOf = async (url: string) => (await checkEngines({ REDIS_URL: url }))[1]
  try {
    expect(await findingOf(server.url())).toEqual({ level: 'ok', what: `Redis is at 127.0.0.1:${server.port}/0` })
    const wrong = await findingOf('redis://:s3cret@127.0.0.1:1')
    expect(wrong).toMatchObject({ level: 'broken', what: expect.stringContaining('Start the server') as string })
    expect(await findingOf('redis://:s3cret@h?x=1')).toMatchObject({
      level: 'broken',
      what: expect.stringContaining('REDIS_URL has no parameter x') as string,
    })
    expect(JSON.stringify(wrong)).not.toContain('s3cret')
  } finally {
    await server.stop()
  }
})
