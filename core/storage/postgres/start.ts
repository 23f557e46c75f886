import { Failure } from '#mesh/errors.ts'
import type { Connections } from './connections.ts'
import { codeOf, isLost } from './lost.ts'
import type { DatabaseUrl } from './url.ts'

const oldestVersion = 140_000

/** Why a database cannot be used, with the exit code that says so: 68 where it does not answer, 78 where asking again does not help. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly exitCode: number

  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, { cause })
    this.exitCode = exitCode
  }
}

/** Fails where the server is too old, or a standby. */
export async function checkServer(connections: Connections): Promise<void> {
  const { rows } = await connections.query(
    `select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby`,
  )
  const [{ version, standby }] = rows as [{ version: number; standby: boolean }]
  if (version < oldestVersion)
    throw new Error(`it is PostgreSQL ${Math.floor(version / 10_000)}; 14 or newer is needed`)
  if (standby) throw new Error('it is a standby; name the primary')
}

const ways: readonly (readonly [pattern: RegExp, way: string])[] = [
  [/^(?:28P01|28000)$/, 'Check the user and password of DATABASE_URL, and pg_hba.conf.'],
  [/^3D000$/, 'Create the database (createdb), or name one that there is.'],
  [/^(?:42501)$/, 'The user must own the database, or may create schemas in it: GRANT CREATE ON DATABASE … TO ….'],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'Check the host of DATABASE_URL.'],
  [/no such file or directory, open/, 'Check the files that DATABASE_URL names.'],
  [/^(?:ECONNREFUSED|ENOENT)$/, 'Start the server, or check host and port of DATABASE_URL.'],
  [/^53300$/, 'Lower pool_size, or raise max_connections.'],
  [/SSL connections/, 'Give the server a certificate, or say sslmode=disable where the network is trusted.'],
  [/CERT|SELF_SIGNED|VERIFY|ISSUER/, 'Name its authority by sslrootcert=FILE, and the server as its certificate does.'],
  [/startup parameter/, 'Connect to the server itself, or to a pooler in session mode.'],
]

/** Says which database it is, why, and the way out: nothing of the URL that is secret. */
export function cannotOpen(url: DatabaseUrl, error: unknown): DatabaseError {
  // Whatever wraps it was said by us or by drizzle, which quotes whole statements.
  let cause = error
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause
  const migration = error instanceof Error && error.message.startsWith('the migrations') ? `${error.message}: ` : ''
  const code = codeOf(cause)
  const reason = `${migration}${wordsOf(cause)}${code === '' ? '' : ` (${code})`}`
  const way = ways.find(([pattern]) => pattern.test(code) || pattern.test(wordsOf(cause)))?.[1]
  const at = `${url.host.includes(':') ? `[${url.host}]` : url.host}:${url.port}/${url.database}`
  const isAway = migration === '' && (isLost(cause) || error instanceof Failure)
  return new DatabaseError(
    `The control store ${at} cannot be opened: ${reason}.${way === undefined ? '' : ` ${way}`}`,
    isAway ? 68 : 78,
    cause,
  )
}

function wordsOf(cause: unknown): string {
  if (cause instanceof AggregateError) return wordsOf(cause.errors.at(-1))
  const said: unknown = (cause as { readonly message?: unknown } | undefined)?.message
  return typeof said === 'string' && said !== '' ? said.replace(/\.$/, '') : 'the connection broke'
}
