import { cannotOpenDatabase, type DatabaseError, type Ways } from '../database-error.ts'
import type { Connections } from './connections.ts'
import { isLost } from './lost.ts'
import type { DatabaseUrl } from './url.ts'

const oldestVersion = 140_000

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

const ways: Ways = [
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

export function cannotOpen(url: DatabaseUrl, error: unknown): DatabaseError {
  return cannotOpenDatabase({ name: 'The control store', url, ways, isLost }, error)
}
