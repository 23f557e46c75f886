import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkEngines } from '../../../../core/cli/doctor/engines.ts'
import { temporaryDirectory } from '../../../support/directory.ts'
import { findMariadb, password as secret, startMariadb } from '../../../support/servers/mariadb.ts'
import { findPostgres, password, startPostgres } from '../../../support/servers/postgres.ts'
import { findRedis, startRedis } from '../../../support/servers/redis.ts'
import { findS3, secretKey, startS3 } from '../../../support/servers/s3.ts'

const urls = [
  'DATABASE_URL',
  'KAFKA_URL',
  'CLICKHOUSE_URL',
  'REDIS_URL',
  'OBJECTS_URL',
  'MYSQL_URL',
  'MONGODB_URL',
] as const

const data = temporaryDirectory()
afterAll(() => data.remove())

/** What is said of one, while the others are embedded. */
async function findingOf(variable: (typeof urls)[number], url: string, directory = data.path) {
  const findings = await checkEngines({ [variable]: url }, directory)
  expect(findings.filter(({ level }) => level === 'note')).toHaveLength(urls.length - 1)
  return findings.find(({ level }) => level !== 'note')
}

test('what is embedded is named, with the URL that replaces it', async () => {
  const findings = await checkEngines({}, data.path)
  expect(findings.map(({ level, mend }) => [level, /^Set (\w+), for /.exec(mend ?? '')?.[1]])).toEqual(
    urls.map((url) => ['note', url]),
  )
})

test('the README lists every one of them where it says what production is', () => {
  const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')
  const section = readme.split('\n## ').find((text) => text.startsWith('Production shape'))
  for (const url of urls) expect(section).toContain(`| \`${url}\` |`)
})

describe.each([
  ['DATABASE_URL', 'postgres://u:s3cret@h/d?sslmod=require', 'did you mean sslmode?'],
  ['KAFKA_URL', 'kafka://u:s3cret@h:1?tsl=true', 'has no parameter `tsl`'],
  ['KAFKA_URL', 'kafka://u:s3cret@127.0.0.1:1', 'Check KAFKA_URL'],
  ['CLICKHOUSE_URL', 'http://u:s3cret@h:1/shop', 'has a path'],
  ['CLICKHOUSE_URL', 'http://u:s3cret@127.0.0.1:1', 'Start the server'],
  ['MYSQL_URL', 'mysql://u:s3cret@127.0.0.1:1/d', 'Start the server'],
  ['MONGODB_URL', 'mongodb://u:s3cret@h/d?w=0', 'has w=0'],
  ['MONGODB_URL', 'mongodb://u:s3cret@127.0.0.1:1/d', 'Start the server'],
  ['REDIS_URL', 'redis://:s3cret@h?x=1', 'REDIS_URL has no parameter x'],
  ['REDIS_URL', 'redis://:s3cret@127.0.0.1:1', 'Start the server'],
  ['OBJECTS_URL', 's3://k:s3cret@models?regoin=x', 'did you mean region?'],
  ['OBJECTS_URL', 's3://k:s3cret@models?endpoint=http://127.0.0.1:1', 'Start the server'],
] as const)('%s=%s', (variable, url, said) => {
  test('is broken, says why, and is not shown', { timeout: 30_000 }, async () => {
    const finding = await findingOf(variable, url)
    expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining(said) as string })
    expect(JSON.stringify(finding)).not.toContain('s3cret')
  })
})

test('a KAFKA_URL for a directory that has another log is broken', async () => {
  const used = join(data.path, 'used')
  mkdirSync(join(used, 'log'), { recursive: true })
  expect(await findingOf('KAFKA_URL', 'kafka://127.0.0.1:1', used)).toMatchObject({
    level: 'broken',
    mend: expect.stringContaining('EDGEWISE_DATA') as string,
  })
})

const programs = findPostgres()
test.skipIf(programs === undefined)(
  'a PostgreSQL is asked, and what is wrong with it said',
  { timeout: 60_000 },
  async () => {
    const server = await startPostgres(programs ?? '')
    try {
      expect(await findingOf('DATABASE_URL', server.url())).toEqual({
        level: 'ok',
        what: `The control store is on PostgreSQL at localhost:${server.port}/postgres`,
      })
      const finding = await findingOf('DATABASE_URL', server.url('absent'))
      expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining('Create the database') as string })
      expect(finding?.what).not.toContain(password)
    } finally {
      await server.stop()
    }
  },
)

const gateway = findS3()
test.skipIf(gateway === undefined)('a bucket is asked, and what is wrong with it said', async () => {
  const server = await startS3(gateway ?? '')
  try {
    await server.createBucket('models')
    expect(await findingOf('OBJECTS_URL', server.url('models'))).toEqual({
      level: 'ok',
      what: `The files of models are in the bucket models at http://localhost:${server.port}`,
    })
    const finding = await findingOf('OBJECTS_URL', server.url('absent'))
    expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining('Create the bucket') as string })
    expect(JSON.stringify(finding)).not.toContain(secretKey)
  } finally {
    await server.stop()
  }
})

const redis = findRedis()
test.skipIf(redis === undefined)('a Redis is asked', { timeout: 60_000 }, async () => {
  const server = await startRedis(redis ?? '')
  try {
    expect(await findingOf('REDIS_URL', server.url())).toEqual({
      level: 'ok',
      what: `Redis is at 127.0.0.1:${server.port}/0`,
    })
  } finally {
    await server.stop()
  }
})

const mariadb = findMariadb()
test.skipIf(mariadb === undefined)(
  'a MySQL is asked, and what is wrong with it said',
  { timeout: 60_000 },
  async () => {
    const server = await startMariadb(mariadb ?? '')
    try {
      expect(await findingOf('MYSQL_URL', server.url())).toEqual({
        level: 'ok',
        what: `Items are on MySQL at localhost:${server.port}/main`,
      })
      const finding = await findingOf('MYSQL_URL', server.url('absent'))
      expect(finding).toMatchObject({ level: 'broken', what: expect.stringContaining('Create the database') as string })
      expect(JSON.stringify(finding)).not.toContain(secret)
    } finally {
      await server.stop()
    }
  },
)
