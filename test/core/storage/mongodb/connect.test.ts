import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toFailure } from '#mesh/errors.ts'
import { askMongo, type Mongo, openMongo } from '../../../../core/storage/mongodb/connect.ts'
import { type MongoServer, mongoLibraries, startMongo } from '../../../support/servers/mongodb.ts'
import { silentProxy } from '../../../support/servers/silent-proxy.ts'
import { mongoUrl } from '../../../support/mongodb.ts'

const libraries = mongoLibraries()
const log = pino({ level: 'silent' })
const password = 'a p@ss/word'
let server: MongoServer
let guarded: MongoServer

beforeAll(async () => {
  if (libraries === undefined) return
  ;[server, guarded] = await Promise.all([startMongo(libraries), startMongo(libraries, { tls: true })])
}, 60_000)
afterAll(async () => {
  await server?.stop()
  await guarded?.stop()
})

interface Kept {
  readonly _id: string
  readonly n: number
}

const name = randomUUID()
const write = (mongo: Mongo, n: number) =>
  mongo.use((db) => db.collection<Kept>(name).insertOne({ _id: randomUUID(), n }))
const count = (mongo: Mongo, n: number) => mongo.use((db) => db.collection<Kept>(name).countDocuments({ n }))

/** Why it does not open. */
async function refusal(text: string): Promise<{ readonly message: string; readonly exitCode: number }> {
  const refused = await askMongo(mongoUrl(text), 2_000).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(Error)
  return refused as { message: string; exitCode: number }
}

describe.skipIf(libraries === undefined)('a document store on MongoDB', () => {
  test('is opened over TLS by who knows its authority, and by nobody else', async () => {
    const tls = guarded.url('shop', `tls=true&tlsCAFile=${encodeURIComponent(guarded.ca)}`)
    const named = tls.replace('127.0.0.1', 'localhost')
    const mongo = await openMongo(mongoUrl(named), [], log)
    expect(await mongo.ping()).toBe(true)
    await mongo.close()
    expect((await refusal(guarded.url('shop', 'tls=true').replace('127.0.0.1', 'localhost'))).message).toContain(
      'Name its authority by tlsCAFile=FILE',
    )
    // The certificate is of localhost.
    expect((await refusal(tls)).message).toContain('Name its authority by tlsCAFile=FILE')
  })

  test.each([
    ['nothing there', (url: string) => url.replace(/:\d+\//, ':1/'), 68, 'Start the server'],
    [
      'a host that is none',
      (url: string) => url.replace('127.0.0.1', 'db.invalid') + '?tls=false',
      68,
      'Check the host',
    ],
    ['TLS where there is none', (url: string) => `${url}?tls=true`, 68, 'say tls=false'],
    ['an option that is none', (url: string) => `${url}?poolSize=3`, 78, 'option poolsize is not supported'],
    ['an option without a value', (url: string) => `${url}?appName=`, 78, 'cannot be specified with no value'],
    ['a file that is not there', (url: string) => `${url}?tls=true&tlsCAFile=/absent`, 78, 'Check the files'],
    [
      'a user that nobody knows',
      (url: string) => url.replace('//', `//somebody:${encodeURIComponent(password)}@`),
      78,
      // It has no users: MongoDB itself would say that it does not know this one.
      'no such command',
    ],
  ])('with %s says what to do, and no password', async (_, spoil, exitCode, way) => {
    const refused = await refusal(spoil(server.url('shop')))
    expect(refused).toMatchObject({ exitCode, message: expect.stringContaining(way) as string })
    expect(refused.message).toMatch(/^The document store (?:127\.0\.0\.1|db\.invalid):\d+\/shop cannot be opened: /)
    for (const secret of [password, encodeURIComponent(password)]) expect(refused.message).not.toContain(secret)
  })

  test('is waited for at a start while the server starts', async () => {
    await server.kill()
    const opened = openMongo(mongoUrl(server.url()), [], log)
    await server.restart()
    const mongo = await opened
    expect(await mongo.ping()).toBe(true)
    await mongo.close()
  })

  test('survives the end of the server: 503 meanwhile, then all is well by itself, and what was kept is there', async () => {
    const mongo = await openMongo(mongoUrl(server.url('shop', 'serverSelectionTimeoutMS=300')), [], log)
    await Promise.all(Array.from({ length: 8 }, () => write(mongo, 1)))
    await server.kill()
    for (const lost of await Promise.allSettled(Array.from({ length: 8 }, () => write(mongo, 2)))) {
      const { reason } = lost as PromiseRejectedResult
      expect(toFailure(reason)).toMatchObject({ problem: 'core.unavailable', status: 503, retryAfterMs: 1_000 })
    }
    expect(await mongo.ping()).toBe(false)
    await server.restart()
    await expect.poll(() => count(mongo, 1).catch(() => 0), { timeout: 15_000 }).toBe(8)
    expect(await mongo.ping()).toBe(true)
    await Promise.all(Array.from({ length: 30 }, () => write(mongo, 3)))
    expect(await count(mongo, 3)).toBe(30)
    await mongo.close()
  })

  test('is given up for a while where it takes connections and answers nothing', async () => {
    const proxy = await silentProxy(server.port)
    const url = server
      .url('shop', 'socketTimeoutMS=300&directConnection=true')
      .replace(`:${server.port}/`, `:${proxy.port}/`)
    const mongo = await openMongo(mongoUrl(url), [], log)
    await write(mongo, 4)
    proxy.fallSilent()
    for (const lost of await Promise.allSettled(Array.from({ length: 5 }, () => write(mongo, 5)))) {
      expect(toFailure((lost as PromiseRejectedResult).reason)).toMatchObject({ problem: 'core.unavailable' })
    }
    const before = proxy.taken()
    const refused = await write(mongo, 5).catch(toFailure)
    expect(refused).toMatchObject({ problem: 'core.unavailable', status: 503 })
    expect(proxy.taken()).toBe(before)
    proxy.answer()
    await expect
      .poll(
        () =>
          write(mongo, 6).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true)
    await mongo.close()
    await proxy.close()
  })
})
