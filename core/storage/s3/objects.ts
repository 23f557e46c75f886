import { GetObjectCommand, HeadBucketCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { Disk } from 'flydrive'
import { S3Driver } from 'flydrive/drivers/s3'
import type { Logger } from 'pino'
import { Failure } from '#mesh/errors.ts'
import { createBreaker } from '#mesh/rpc/breaker.ts'
import type { Objects } from '../objects.ts'
import { connectS3 } from './client.ts'
import { codeOf, isAway, patiently, unavailable } from './failures.ts'
import { dropUploads, partBytes, putInParts } from './parts.ts'
import { askBucket } from './start.ts'
import type { S3Options } from './url.ts'

/** Somebody waits for what is read; what is put was long in the making. */
const readPatienceMs = 1_000
const putPatienceMs = 60_000
const pingMs = 2_000
/** How long an answer about its health is good for: each question is paid for. */
const pingKeptMs = 5_000
/** Of an object: it is read into memory. */
const maxBytes = 1 << 30

const away = (retryAfterMs: number): Failure =>
  new Failure('objects.unavailable', 'The object store does not answer.', { retryAfterMs })

/**
 * A bucket of S3's protocol as the object store. Throws a DatabaseError that says what to do where it cannot be used; what
 * fails later is `objects.unavailable`.
 */
export async function openS3Objects(options: S3Options, log: Logger): Promise<Objects> {
  const { bucket: Bucket, prefix, timeoutMs } = options
  await askBucket(options)
  const client = connectS3(options)
  const disk = diskOf(client, Bucket)
  const breaker = createBreaker(Date.now, { gone: away, full: away })
  let health: { readonly at: number; readonly ok: Promise<boolean> } | undefined

  /** Refuses what leads out of the prefix. */
  const nameOf = (key: string): string => prefix + disk.file(key).key

  /** After some attempts in a row that nobody answered the next ones fail at once. */
  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    const pass = breaker.enter(0, Date.now() + timeoutMs)
    let lost = false
    try {
      return await work()
    } catch (error) {
      lost = isAway(error)
      throw error
    } finally {
      if (!lost) pass.heard()
      pass.leave({ lost })
    }
  }

  async function ask<T>(work: () => Promise<T>, patienceMs = readPatienceMs): Promise<T> {
    try {
      return await patiently(() => attempt(work), patienceMs)
    } catch (error) {
      const failure = unavailable(error)
      if (failure.cause !== undefined) log.warn({ err: failure.cause }, failure.message)
      throw failure
    }
  }

  async function read(Key: string): Promise<Uint8Array | undefined> {
    try {
      const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand({ Bucket, Key }))
      if (ContentLength <= maxBytes) return await Body?.transformToByteArray()
      await Body?.transformToWebStream().cancel()
      throw new Error(`${Key} has ${ContentLength} bytes`)
    } catch (error) {
      if (codeOf(error) === 'NoSuchKey') return undefined
      throw error
    }
  }

  return {
    async put(key, bytes) {
      const name = nameOf(key)
      await ask(() => disk.put(name, bytes), putPatienceMs)
    },
    async get(key) {
      const name = nameOf(key)
      return ask(() => read(name))
    },
    async delete(key) {
      const name = nameOf(key)
      await ask(() => disk.delete(name))
    },
    async *list(folder) {
      // Not the library's, which refuses a whole page for one name with letters that it does not allow.
      let ContinuationToken: string | undefined
      do {
        const from = new ListObjectsV2Command({ Bucket, Prefix: prefix + folder, ContinuationToken })
        const page = await ask(() => client.send(from))
        for (const { Key = '', LastModified } of page.Contents ?? []) {
          yield { key: Key.slice(prefix.length), modifiedMs: LastModified?.getTime() ?? Date.now() }
        }
        ContinuationToken = page.NextContinuationToken
      } while (ContinuationToken !== undefined)
    },
    link: async (key, seconds) => disk.getSignedUrl(nameOf(key), { expiresIn: seconds }),
    dropParts: (before) => ask(() => dropUploads(client, Bucket, prefix, before)),
    ping() {
      const now = performance.now()
      if (health === undefined || now - health.at > pingKeptMs) {
        const abortSignal = AbortSignal.timeout(pingMs)
        const asked = client.send(new HeadBucketCommand({ Bucket }), { abortSignal })
        health = {
          at: now,
          ok: asked.then(
            () => true,
            () => false,
          ),
        }
      }
      return health.ok
    },
    close: () => client.destroy(),
  }
}

/** Who may read is the bucket's to say: most have lists of their own switched off, and refuse them. */
function diskOf(client: S3Client, bucket: string): Disk {
  const driver = new S3Driver({ client, bucket, visibility: 'private', supportsACL: false })
  const putWhole = driver.put.bind(driver)
  driver.put = (Key, contents, options) =>
    typeof contents === 'string' || contents.length <= partBytes
      ? putWhole(Key, contents, options)
      : putInParts(client, { Bucket: bucket, Key }, contents, putPatienceMs)
  return new Disk(driver)
}
