import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis as Client } from 'ioredis'
import { freePort } from '../../e2e/edge-harness.ts'
import { temporaryDirectory } from '../directory.ts'
import { program, server } from '../optional.ts'
import { writeCertificate } from './certificate.ts'
import { end } from './child.ts'

const startWithinMs = 10_000
export const password = 'a p@ss/word'

/** The program; undefined where the machine lacks it, or no servers are to be started: so of all of them. */
export function findRedis(): string | undefined {
  return server('Redis', () => program('redis-server'))
}

export interface RedisServer {
  readonly port: number
  /** What REDIS_URL is. */
  url(parameters?: string): string
  /** The same over TLS, where it was asked for; `ca` is the certificate's own. */
  tlsUrl(parameters?: string): string
  readonly ca: string
  /** Asks by a connection of its own, as its administrator. */
  ask(...command: readonly [string, ...string[]]): Promise<unknown>
  /** As a power cut would end it. */
  kill(): Promise<void>
  /** Stops it from answering while it keeps its connections, and lets it go on. */
  freeze(): void
  thaw(): void
  /** After `kill`, on the same port and the same data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A server of Redis on a loopback port with a data folder of its own, which writes down what it is told. */
export async function startRedis(path: string, { tls = false } = {}): Promise<RedisServer> {
  const directory = temporaryDirectory()
  const port = await freePort()
  const tlsPort = tls ? await freePort() : 0
  const { certFile, keyFile } = writeCertificate(directory.path)
  let child: ChildProcess

  async function begin(): Promise<void> {
    const secured = ['--tls-port', String(tlsPort), '--tls-cert-file', certFile, '--tls-key-file', keyFile]
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory.path, '--requirepass', password]
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
    const options = [...place, ...durable, ...(tls ? [...secured, '--tls-auth-clients', 'no'] : [])]
    let said = ''
    child = spawn(path, options, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
    }
    const until = Date.now() + startWithinMs
    while (
      !(await ask('PING').then(
        () => true,
        () => false,
      ))
    ) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`Redis does not start:\n${said}`)
      await sleep(50)
    }
  }

  async function ask(...[name, ...args]: readonly [string, ...string[]]): Promise<unknown> {
    const client = new Client({ host: '127.0.0.1', port, password, lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return await client.call(name, ...args)
    } finally {
      client.disconnect()
    }
  }

  await begin().catch((error: unknown) => {
    directory.remove()
    throw error
  })
  const credential = `:${encodeURIComponent(password)}@`
  const search = (parameters: string): string => (parameters === '' ? '' : `?${parameters}`)
  return {
    port,
    url: (parameters = '') => `redis://${credential}127.0.0.1:${port}${search(parameters)}`,
    tlsUrl: (parameters = '') => `rediss://${credential}localhost:${tlsPort}${search(parameters)}`,
    ca: certFile,
    ask,
    kill: () => end(child),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    restart: begin,
    async stop() {
      child.kill('SIGCONT')
      await end(child)
      directory.remove()
    },
  }
}
