import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../e2e/edge-harness.ts'
import { temporaryDirectory } from '../directory.ts'
import { program, server, tool } from '../optional.ts'
import { end, listens } from './child.ts'

const startWithinMs = 60_000
const source = fileURLToPath(new URL('mongodb.java', import.meta.url))

/** The folder of what it is run from; undefined where that or Java is absent. */
export function mongoLibraries(): string | undefined {
  return server('MongoDB’s protocol', () => program('java') && tool('mongodb-1.47.0'))
}

/**
 * A server of MongoDB's protocol on loopback, its file in a folder of its own. It is not MongoDB: no transactions, change
 * streams, `$text` or users.
 */
export async function startMongo(libraries: string, { tls = false } = {}) {
  const directory = temporaryDirectory()
  const port = await freePort()
  const keys = tls ? makeKeys(directory.path) : []
  let child = await start()

  async function start(): Promise<ChildProcess> {
    const args = ['-Xms64m', '-Xmx384m', '-cp', join(libraries, '*'), source]
    const started = spawn('java', [...args, String(port), join(directory.path, 'data'), ...keys], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
    }
    const until = Date.now() + startWithinMs
    while (!(await listens(port))) {
      if (started.exitCode !== null || Date.now() > until) {
        await end(started)
        throw new Error(`The MongoDB server does not start:\n${said}`)
      }
      await sleep(100)
    }
    return started
  }

  return {
    port,
    /** The certificate that it is known by, where it has one. */
    ca: join(directory.path, 'ca.pem'),
    /** What MONGODB_URL is. */
    url: (database = 'edgewise', options = '') =>
      `mongodb://127.0.0.1:${port}/${database}${options === '' ? '' : `?${options}`}`,
    /** As a crash would end it. */
    kill: () => end(child),
    /** On the same data, after it was ended. */
    async restart(): Promise<void> {
      child = await start()
    },
    async stop(): Promise<void> {
      await end(child)
      directory.remove()
    },
  }
}

export type MongoServer = Awaited<ReturnType<typeof startMongo>>

function makeKeys(directory: string): readonly string[] {
  const store = join(directory, 'keys.p12')
  const password = 'changeit'
  const key = ['-keystore', store, '-storetype', 'PKCS12', '-storepass', password, '-alias', 'server']
  const made = ['-genkeypair', '-keyalg', 'EC', '-dname', 'CN=localhost', '-ext', 'san=dns:localhost']
  execFileSync('keytool', [...made, ...key], { stdio: 'pipe' })
  execFileSync('keytool', ['-exportcert', '-rfc', '-file', join(directory, 'ca.pem'), ...key], { stdio: 'pipe' })
  return [store, password]
}
