import { readFileSync } from 'node:fs'
import { Pool as NeonPool, neonConfig } from '@neondatabase/serverless'
import pg from 'pg'
import type { DatabaseUrl } from './url.ts'

/** A server that says nothing any more is given up so much after the time that it had. */
const graceMs = 5_000

/** Connections by TCP, or within WebSockets for Neon: one interface, so nobody else can tell. */
export function makePool(url: DatabaseUrl): pg.Pool {
  const options = {
    host: url.host,
    port: url.port,
    database: url.database,
    user: url.user,
    password: url.password,
    max: url.poolSize,
    idleTimeoutMillis: url.poolIdleMs,
    connectionTimeoutMillis: url.connectTimeoutMs,
    statement_timeout: url.statementTimeoutMs,
    idle_in_transaction_session_timeout: url.idleTransactionTimeoutMs,
    query_timeout: url.statementTimeoutMs + graceMs,
    application_name: url.applicationName,
    keepAlive: true,
  }
  if (url.driver === 'pg') {
    return new pg.Pool({ ...options, enableChannelBinding: url.channelBinding, ssl: tlsOf(url) })
  }
  if (url.wsProxy !== undefined) leadTo(url.wsProxy)
  return new NeonPool(options) as unknown as pg.Pool
}

/** The library keeps this for the whole process, which has one control store. */
function leadTo(proxy: string): void {
  const address = proxy.replace(/^wss?:\/\//, '')
  neonConfig.wsProxy = (host, port) => `${address}?address=${host}:${port}`
  neonConfig.useSecureWebSocket = proxy.startsWith('wss:')
  // Neon's own proxy is sent the password ahead; others may ask for it otherwise.
  neonConfig.pipelineConnect = false
}

function tlsOf({ tls, host, caFile, certFile, keyFile }: DatabaseUrl): pg.PoolConfig['ssl'] {
  if (tls === 'disable') return false
  return {
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
    // As libpq: with an authority's file it is asked for, whatever the mode; without one `require` takes whoever answers.
    rejectUnauthorized: tls !== 'require' || caFile !== undefined,
    ...(tls !== 'verify-full' && { checkServerIdentity: () => undefined }),
    ...(host.startsWith('/') && { servername: '' }),
  }
}
