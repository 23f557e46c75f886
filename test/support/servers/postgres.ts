import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../../e2e/edge-harness.ts'
import { temporaryDirectory } from '../directory.ts'
import { server } from '../optional.ts'
import { writeCertificate } from './certificate.ts'
import { end } from './child.ts'

const startWithinMs = 30_000
const user = 'edgewise'
export const password = 'a p@ss/word'

export interface Postgres {
  readonly port: number
  /** Of the server's own certificate, in PEM. */
  readonly caFile: string
  /** What DATABASE_URL is. */
  url(database?: string, parameters?: string): string
  /** Asks by a connection of its own. */
  query<Row>(sql: string, database?: string): Promise<Row[]>
  /** As a power cut would. */
  kill(): Promise<void>
  /** After `kill`, on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** The folder of its programs; undefined where the machine lacks them. */
export function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : []
  const folders = [...versions.sort().reverse(), ...(process.env['PATH'] ?? '').split(delimiter)]
  const isWhole = (folder: string): boolean => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name)))
  return server('PostgreSQL', () => folders.find(isWhole))
}

/** A server on a loopback port, its files in a folder of its own. It refuses to run as root, so root runs it as another. */
export async function startPostgres(programs: string, { port = 0 } = {}): Promise<Postgres> {
  const directory = temporaryDirectory()
  const owner = process.getuid?.() === 0 ? ownerOf() : undefined
  const at = (name: string): string => join(directory.path, name)
  writeFileSync(at('password'), password)
  if (owner !== undefined) for (const path of [directory.path, at('password')]) chownSync(path, owner.uid, owner.gid)
  const run = (program: string, args: string[]): void => {
    execFileSync(program, args, { ...owner, stdio: 'pipe', cwd: directory.path })
  }
  run(join(programs, 'initdb'), [
    `--pgdata=${at('files')}`,
    `--username=${user}`,
    `--pwfile=${at('password')}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ])
  const { certFile, keyFile } = writeCertificate(directory.path, owner)
  const bound = port === 0 ? await freePort() : port
  let said = ''
  let child: ChildProcess

  async function begin(): Promise<void> {
    const options = [
      '-D',
      at('files'),
      `--port=${bound}`,
      '--listen_addresses=127.0.0.1,::1',
      '--unix_socket_directories=',
      '--fsync=off',
      '--max_connections=200',
      '--ssl=on',
      `--ssl_cert_file=${certFile}`,
      `--ssl_key_file=${keyFile}`,
    ]
    child = spawn(join(programs, 'postgres'), options, {
      ...owner,
      cwd: directory.path,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
    const until = Date.now() + startWithinMs
    while (!(await answers())) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`PostgreSQL does not start:\n${said}`)
      await sleep(50)
    }
  }

  async function query<Row>(sql: string, database = 'postgres'): Promise<Row[]> {
    const client = new pg.Client({ host: '127.0.0.1', port: bound, user, password, database })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query(sql)).rows as Row[]
    } finally {
      await client.end()
    }
  }

  function answers(): Promise<boolean> {
    return query('select 1').then(
      () => true,
      () => false,
    )
  }

  await begin().catch((error: unknown) => {
    directory.remove()
    throw error
  })
  return {
    port: bound,
    caFile: certFile,
    url: (database = 'postgres', parameters = '') =>
      `postgres://${user}:${encodeURIComponent(password)}@localhost:${bound}/${database}${parameters && `?${parameters}`}`,
    query,
    async kill() {
      const backends = await query<{ pid: number }>('select pid from pg_stat_activity where pid <> pg_backend_pid()')
      await end(child)
      // Its children see that it is gone a moment later; the next one does not start beside them.
      for (const { pid } of backends) while (isRunning(pid)) await sleep(20)
    },
    restart: begin,
    async stop() {
      await end(child, 'SIGINT')
      directory.remove()
    },
  }
}

/** Whoever the package made for it, else nobody. */
function ownerOf(): { readonly uid: number; readonly gid: number } {
  const home = '/var/lib/postgresql'
  const { uid, gid } = existsSync(home) ? statSync(home) : { uid: 65_534, gid: 65_534 }
  return uid === 0 ? { uid: 65_534, gid: 65_534 } : { uid, gid }
}

function isRunning(pid: number): boolean {
  return existsSync(join('/proc', String(pid)))
}
