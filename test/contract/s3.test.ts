import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Objects } from '../../core/storage/objects.ts'
import { connectS3 } from '../../core/storage/s3/client.ts'
import { openS3Objects } from '../../core/storage/s3/objects.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { startCore } from '../support/core.ts'
import { cutAnswers } from '../support/servers/cutting-answers.ts'
import { accessKey, findS3, type S3, s3Options, secretKey, startS3 } from '../support/servers/s3.ts'
import { bytesOf, keysOf, objectsContract } from './objects.ts'

const program = findS3()
const log = pino({ level: 'silent' })
let server: S3
let prefixes = 0

beforeAll(async () => {
  if (program === undefined) return
  server = await startS3(program)
  await server.createBucket('models')
})
afterAll(() => server?.stop())

const open = (parameters = '', prefix = `p${prefixes++}`): Promise<Objects> =>
  openS3Objects(s3Options(inPrefix(server.url('models', parameters), prefix)), log)

function inPrefix(url: string, prefix: string): string {
  return url.replace('@models?', `@models/${prefix}?`)
}

/** Why it does not open. */
async function refusal(url: string): Promise<{ readonly message: string; readonly exitCode: number }> {
  const opened = await openS3Objects(s3Options(url), log).catch((error: unknown) => error)
  expect(opened).toBeInstanceOf(Error)
  return opened as { message: string; exitCode: number }
}

describe.skipIf(program === undefined)('on S3', () => {
  objectsContract(() => open('checksums=always'))

  test('holds for servers that know none of the newer checksums, too', async () => {
    const objects = await open('checksums=required')
    for (const length of [0, 1_000, 17 << 20]) {
      await objects.put('models/some', bytesOf(length))
      expect(Buffer.compare((await objects.get('models/some'))!, bytesOf(length))).toBe(0)
    }
  })

  test('installations that share a bucket do not see one another', async () => {
    const [one, other, longer] = [await open('', 'shop'), await open('', 'shop2'), await open('', 'shop/2')]
    await one.put('models/a', bytesOf(1))
    await longer.put('models/b', bytesOf(1))
    expect(await other.get('models/a')).toBeUndefined()
    expect(await keysOf(other.list('models/'))).toEqual([])
    expect(await keysOf(one.list('models/'))).toEqual(['models/a'])
    expect(existsSync(join(server.folder('models'), 'shop', 'models', 'a'))).toBe(true)
  })

  test('an upload that ended halfway is seen by nobody, and dropped once it is old', async () => {
    const objects = await open('', 'half')
    const client = connectS3(s3Options(server.url('models')))
    const place = { Bucket: 'models', Key: 'half/models/a' }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(place))
    await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber: 1, Body: bytesOf(5 << 20) }))
    const under = new ListMultipartUploadsCommand({ Bucket: 'models', Prefix: 'half/' })
    const left = async (): Promise<number> => (await client.send(under)).Uploads?.length ?? 0
    expect(await left()).toBe(1)
    expect(await objects.get('models/a')).toBeUndefined()
    expect(await keysOf(objects.list('models/'))).toEqual([])
    await objects.dropParts(Date.now() - 60_000)
    expect(await left()).toBe(1)
    await objects.dropParts(Date.now() + 60_000)
    expect(await left()).toBe(0)
    client.destroy()
  })

  test('a link ends, and tells no secret', async () => {
    const objects = await open()
    await objects.put('models/some', bytesOf(10))
    const link = (await objects.link('models/some', 1))!
    expect(link).not.toContain(encodeURIComponent(secretKey))
    expect((await fetch(link)).status).toBe(200)
    await sleep(2_500)
    expect((await fetch(link)).status).toBe(403)
  })

  test('an answer that breaks off is never taken for the whole', async () => {
    const proxy = await cutAnswers(server.port)
    const url = inPrefix(server.url('models', '', proxy.port), 'cut')
    const objects = await openS3Objects(s3Options(url), log)
    await objects.put('models/some', bytesOf(1 << 20))
    proxy.cutAfter(300_000)
    await expect(objects.get('models/some')).rejects.toMatchObject({ problem: 'objects.unavailable', status: 503 })
    proxy.cutAfter(Infinity)
    expect(await objects.get('models/some')).toHaveLength(1 << 20)
    await proxy.close()
  })

  test('while the server is away it is 503, and what is put waits for it', { timeout: 90_000 }, async () => {
    const away = await startS3(program ?? '')
    await away.createBucket('models')
    const objects = await openS3Objects(s3Options(away.url('models', 'timeout_ms=500')), log)
    await objects.put('models/some', bytesOf(10))
    await away.kill()
    const [small, large] = [objects.put('models/small', bytesOf(10)), objects.put('models/large', bytesOf(20 << 20))]
    await expect(objects.get('models/some')).rejects.toMatchObject({
      problem: 'objects.unavailable',
      status: 503,
      retryAfterMs: expect.any(Number) as number,
    })
    // Some in a row that nobody answered, and the next are not even sent.
    await Promise.allSettled(Array.from({ length: 3 }, () => objects.get('models/some')))
    expect(await objects.ping()).toBe(false)
    await away.restart()
    await Promise.all([small, large])
    expect(await objects.get('models/large')).toHaveLength(20 << 20)
    expect(await objects.get('models/some')).toHaveLength(10)
    await expect.poll(() => objects.ping(), { timeout: 10_000 }).toBe(true)
    await away.stop()
  })

  test.each([
    ['a bucket that is not there', (url: string) => url.replace('@models', '@absent'), 78, 'Create the bucket'],
    ['a wrong secret', (url: string) => url.replace('of%3Dmine', 'wrong'), 78, 'Check AWS_ACCESS_KEY_ID'],
    ['a key that nobody has', (url: string) => url.replace(accessKey, 'nobody'), 78, 'Check AWS_ACCESS_KEY_ID'],
    ['nothing there', (url: string) => url.replace(/%3A\d+/, '%3A1'), 68, 'Start the server'],
    ['a host that is none', (url: string) => url.replace('localhost', 's3.invalid'), 68, 'Check endpoint'],
  ])('with %s says what to do, and no secret', async (_, spoil, exitCode, way) => {
    const refused = await refusal(spoil(server.url('models', 'timeout_ms=1000')))
    expect(refused).toMatchObject({ exitCode, message: expect.stringContaining(way) as string })
    expect(refused.message).toMatch(/^The bucket (?:models|absent) at http:\/\/(?:localhost|s3\.invalid):\d+ cannot be/)
    for (const secret of [secretKey, encodeURIComponent(secretKey)]) expect(refused.message).not.toContain(secret)
  })

  test('a core does not start with one that cannot be used, and says why', async () => {
    const data = temporaryDirectory()
    const env = { OBJECTS_URL: server.url('absent') }
    await expect(startCore(join(data.path, 'data'), env)).rejects.toThrow(/\(78\):[^]*Create the bucket/)
    data.remove()
  })

  test('is used over TLS by who knows the authority, and by nobody else', async () => {
    const secured = await startS3(program ?? '', { tls: true })
    await secured.createBucket('models')
    const objects = await openS3Objects(s3Options(secured.url('models', `ca=${secured.caFile}`)), log)
    await objects.put('models/large', bytesOf(9 << 20))
    expect(await objects.get('models/large')).toHaveLength(9 << 20)
    expect((await refusal(secured.url('models'))).message).toContain('Name its authority by ca=FILE')
    await secured.stop()
  })

  test('opening a bucket leaves nothing in it', async () => {
    await server.createBucket('asked')
    const objects = await openS3Objects(s3Options(server.url('asked')), log)
    expect(await keysOf(objects.list(''))).toEqual([])
    const client = connectS3(s3Options(server.url('asked')))
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'asked' }))
    expect(Uploads).toEqual([])
    client.destroy()
  })
})
