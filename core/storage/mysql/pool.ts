import { readFileSync } from 'node:fs'
import { createPool, type Pool, type SslOptions } from 'mysql2/promise'
import type { MysqlUrl } from './url.ts'

/** How many may wait for a connection. */
const queueLimit = 10_000

export function makePool(url: MysqlUrl): Pool {
  const ssl = tlsOf(url)
  return createPool({
    ...(url.socket === undefined ? { host: url.host, port: url.port } : { socketPath: url.socket }),
    user: url.user,
    password: url.password,
    database: url.database,
    ...(ssl && { ssl }),
    connectionLimit: url.poolSize,
    maxIdle: Math.max(0, url.poolSize - 1),
    idleTimeout: url.poolIdleMs,
    connectTimeout: url.connectTimeoutMs,
    queueLimit,
    enableKeepAlive: true,
    charset: 'utf8mb4',
    // An object among the values is a text, and never a piece of SQL.
    stringifyObjects: true,
    supportBigNumbers: true,
    // A server must not ask for files.
    flags: ['-LOCAL_FILES'],
  })
}

function tlsOf({ tls, caFile, certFile, keyFile }: MysqlUrl): SslOptions | undefined {
  if (tls === 'disabled') return undefined
  return {
    ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
    ...(certFile !== undefined && { cert: readFileSync(certFile, 'utf8') }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile, 'utf8') }),
    // With an authority's file it is asked for, whatever the mode; without one `required` takes whoever answers.
    rejectUnauthorized: tls !== 'required' || caFile !== undefined,
    verifyIdentity: tls === 'verify-identity',
  }
}
