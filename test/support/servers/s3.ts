import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { connectS3 } from '../../../core/storage/s3/client.ts'
import { parseObjectsUrl, type S3Options } from '../../../core/storage/s3/url.ts'
import { freePort } from '../../e2e/edge-harness.ts'
import { temporaryDirectory } from '../directory.ts'
import { server, tool } from '../optional.ts'
import { writeCertificate } from './certificate.ts'
import { end } from './child.ts'

const startWithinMs = 20_000
export const accessKey = 'tester'
/** As Amazon's are: with letters that a URL has another use for. */
export const secretKey = 'a/secret+of=mine'

export interface S3 {
  readonly port: number
  /** Of the server's own certificate, in PEM. */
  readonly caFile: string
  /** What OBJECTS_URL is; by another port where something stands before the server. */
  url(bucket: string, parameters?: string, port?: number): string
  createBucket(name: string): Promise<void>
  /** Where the server keeps the objects of a bucket, each as a file. */
  folder(bucket: string): string
  /** As a power cut would. */
  kill(): Promise<void>
  /** After `kill`, on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Versity's gateway to a folder, which speaks S3's protocol; undefined where the machine lacks it. */
export function findS3(): string | undefined {
  return server('S3', () => tool('versitygw'))
}

/** A server on a loopback port, its files in a folder of its own; over TLS it has a certificate for localhost. */
export async function startS3(program: string, { tls = false } = {}): Promise<S3> {
  const directory = temporaryDirectory()
  const at = (name: string): string => join(directory.path, name)
  mkdirSync(at('files'))
  const { certFile, keyFile } = writeCertificate(directory.path)
  const port = await freePort()
  let said = ''
  let child: ChildProcess

  async function begin(): Promise<void> {
    const secured = tls ? ['--cert', certFile, '--key', keyFile] : []
    child = spawn(program, ['--port', `127.0.0.1:${port}`, ...secured, 'posix', at('files')], {
      env: { ...process.env, ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
    }
    const until = Date.now() + startWithinMs
    while (!(await answers())) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`The S3 server does not start:\n${said}`)
      await sleep(50)
    }
  }

  /** Whatever it says to somebody without a signature. */
  function answers(): Promise<boolean> {
    if (tls) return Promise.resolve(said.includes(String(port)))
    return fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
  }

  const url: S3['url'] = (bucket, parameters = '', by = port) => {
    const credentials = `${accessKey}:${encodeURIComponent(secretKey)}`
    const endpoint = `${tls ? 'https' : 'http'}://localhost:${by}`
    return `s3://${credentials}@${bucket}?endpoint=${encodeURIComponent(endpoint)}${parameters && `&${parameters}`}`
  }

  await begin().catch((error: unknown) => {
    directory.remove()
    throw error
  })
  return {
    port,
    caFile: certFile,
    url,
    async createBucket(name) {
      const client = connectS3(s3Options(url(name, tls ? `ca=${certFile}` : '')))
      await client.send(new CreateBucketCommand({ Bucket: name }))
      client.destroy()
    },
    folder: (bucket) => join(at('files'), bucket),
    kill: () => end(child),
    restart: begin,
    async stop() {
      await end(child)
      directory.remove()
    },
  }
}

export function s3Options(url: string): S3Options {
  const options = parseObjectsUrl(url)
  if (typeof options === 'string') throw new Error(options)
  return options
}
