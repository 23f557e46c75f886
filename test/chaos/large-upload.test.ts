import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../core/model/random.ts'
import { connectS3 } from '../../core/storage/s3/client.ts'
import { openS3Objects } from '../../core/storage/s3/objects.ts'
import { bytesOf, keysOf } from '../contract/objects.ts'
import { findS3, type S3, s3Options, startS3 } from '../support/servers/s3.ts'
import { uploadProxy, uploadSteps } from '../support/servers/upload-proxy.ts'

const program = fileURLToPath(new URL('./put-process.ts', import.meta.url))
const gateway = findS3()
const kills = Number(process.env['KILLS'] ?? 4)
const parts = 4
const bytes = parts * (8 << 20) - 5
let server: S3
let proxy: Awaited<ReturnType<typeof uploadProxy>>
/** Of the uploads of parts, whichever they are: after so many steps of them the end comes. */
let left = Infinity
let end: () => void | Promise<void> = () => undefined

beforeAll(async () => {
  if (gateway === undefined) return
  server = await startS3(gateway)
  await server.createBucket('files')
  proxy = await uploadProxy(
    () => server.port,
    async () => {
      if (left-- === 0) await end()
    },
  )
})
afterAll(async () => {
  await proxy?.close()
  await server?.stop()
})

const url = (port?: number): string => server.url('files', 'timeout_ms=2000', port)
const moments = (): readonly number[] => {
  const random = createRandom(5)
  return Array.from({ length: kills }, () => Math.floor(random() * parts * uploadSteps))
}

/** By itself, or as it was ended. */
function put(key: string): { readonly child: ChildProcess; readonly ended: Promise<number | NodeJS.Signals | null> } {
  const child = spawn(process.execPath, [program, url(proxy.port), key, String(bytes)], { stdio: 'inherit' })
  return { child, ended: new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal))) }
}

test.skipIf(gateway === undefined)(
  `who puts a large object, killed at ${kills} moments of its parts: nothing of it is seen, and its room is given back`,
  { timeout: 30_000 + kills * 20_000 },
  async () => {
    const objects = await openS3Objects(s3Options(url()), pino({ level: 'silent' }))
    for (const moment of moments()) {
      const { child, ended } = put('models/large')
      end = () => void child.kill('SIGKILL')
      left = moment
      expect(await ended, `step ${moment}`).toBe('SIGKILL')
      expect(await objects.get('models/large')).toBeUndefined()
      expect(await keysOf(objects.list(''))).toEqual([])
    }
    await objects.dropParts(Date.now() + 60_000)
    const client = connectS3(s3Options(url()))
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket: 'files' }))).Uploads ?? []).toEqual([])
    client.destroy()
    left = Infinity
    expect(await put('models/large').ended).toBe(0)
    expect(Buffer.compare((await objects.get('models/large'))!, bytesOf(bytes))).toBe(0)
  },
)

test.skipIf(gateway === undefined)(
  `the server killed at ${kills} moments of the parts: the object is there in the end, whole`,
  { timeout: 30_000 + kills * 20_000 },
  async () => {
    const objects = await openS3Objects(s3Options(url(proxy.port)), pino({ level: 'silent' }))
    for (const moment of moments()) {
      const key = `models/${moment}`
      end = async () => {
        await server.kill()
        setTimeout(() => void server.restart(), 500)
      }
      left = moment
      await objects.put(key, bytesOf(bytes))
      expect(left).toBeLessThan(0)
      expect(Buffer.compare((await objects.get(key))!, bytesOf(bytes))).toBe(0)
    }
    objects.close()
  },
)
