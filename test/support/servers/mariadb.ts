import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { freePort } from '../../e2e/edge-harness.ts'
import { temporaryDirectory } from '../directory.ts'
import { server } from '../optional.ts'
import { writeCertificate } from './certificate.ts'
import { end } from './child.ts'

const startWithinMs = 60_000
const user = 'edgewise'
export const password = 'a p@ss/word'

export interface Mariadb {
  readonly port: number
  /** Of the server's own certificate, in PEM. */
  readonly caFile: string
  /** What MYSQL_URL is. */
  url(database?: string, parameters?: string): string
  /** Asks by a connection of its own. */
  query<Row>(sql: string, database?: string): Promise<Row[]>
  /** As a power cut would. */
  kill(): Promise<void>
  /** After `kill`, on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** The server's program; undefined where the machine lacks it. */
export function findMariadb(): string | undefined {
  const folders = ['/usr/sbin', ...(process.env['PATH'] ?? '').split(delimiter)]
  return server('MariaDB', () => folders.map((folder) => join(folder, 'mariadbd')).find((path) => existsSync(path)))
}

/** A server on a loopback port, its files in a folder of its own. */
export async function startMariadb(program: string): Promise<Mariadb> {
  const directory = temporaryDirectory()
  const at = (name: string): string => join(directory.path, name)
  // It refuses to run as root unless that is said.
  const owner = process.getuid?.() === 0 ? ['--user=root'] : []
  const files = ['--no-defaults', `--datadir=${at('files')}`, ...owner]
  const quiet = { stdio: 'pipe', cwd: directory.path } as const
  execFileSync(
    'mariadb-install-db',
    [...files, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'],
    quiet,
  )
  const { certFile, keyFile } = writeCertificate(directory.path)
  writeFileSync(
    at('first.sql'),
    `CREATE DATABASE IF NOT EXISTS main;
     CREATE USER IF NOT EXISTS '${user}'@'%' IDENTIFIED BY '${password}';
     GRANT ALL ON *.* TO '${user}'@'%';`.replaceAll(/\n\s+/g, '\n'),
  )
  const port = await freePort()
  let said = ''
  let child: ChildProcess

  async function begin(): Promise<void> {
    const options = [
      ...files,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${at('socket')}`,
      `--pid-file=${at('pid')}`,
      `--init-file=${at('first.sql')}`,
      `--ssl-cert=${certFile}`,
      `--ssl-key=${keyFile}`,
      // What is committed is the operating system's at once, which is what a kill leaves alone.
      '--innodb-flush-log-at-trx-commit=2',
      '--innodb-buffer-pool-size=64M',
      '--skip-name-resolve',
      '--max-connections=200',
    ]
    child = spawn(program, options, { cwd: directory.path, stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8_000)))
    const until = Date.now() + startWithinMs
    while (!(await answers())) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`MariaDB does not start:\n${said}`)
      await sleep(50)
    }
  }

  async function query<Row>(sql: string, database = 'main'): Promise<Row[]> {
    const connection = await mysql.createConnection({ host: '127.0.0.1', port, user, password, database })
    connection.on('error', () => undefined)
    try {
      return (await connection.query(sql))[0] as Row[]
    } finally {
      connection.destroy()
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
    port,
    caFile: certFile,
    url: (database = 'main', parameters = '') =>
      `mysql://${user}:${encodeURIComponent(password)}@localhost:${port}/${database}${parameters && `?${parameters}`}`,
    query,
    kill: () => end(child),
    restart: begin,
    async stop() {
      await end(child, 'SIGTERM')
      directory.remove()
    },
  }
}
