import type { RowDataPacket } from 'mysql2/promise'
import { cannotOpenDatabase, type DatabaseError, type Ways } from '../database-error.ts'
import type { Connections } from './connections.ts'
import { isLost } from './lost.ts'
import type { MysqlUrl } from './url.ts'

/** From here on rows can be skipped that others have locked. */
const oldest = { MySQL: [8, 0], MariaDB: [10, 6] } as const

/** Fails where the server is too old, or takes no writes. */
export async function checkServer(connections: Connections): Promise<void> {
  const [found] = await connections.use((connection) =>
    connection.query({ sql: 'SELECT VERSION() AS version, @@GLOBAL.read_only AS readOnly' }),
  )
  const [row] = found as RowDataPacket[]
  const version = String(row?.['version'])
  const kind = version.includes('MariaDB') ? 'MariaDB' : 'MySQL'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [least, leastMinor] = oldest[kind]
  if (major < least || (major === least && minor < leastMinor)) {
    throw new Error(`it is ${kind} ${major}.${minor}; ${least}.${leastMinor} or newer is needed`)
  }
  if (Number(row?.['readOnly']) !== 0) throw new Error('it is read-only, as replicas are; name the primary')
}

const ways: Ways = [
  [/^ER_(?:DBACCESS_DENIED|TABLEACCESS_DENIED|SPECIFIC_ACCESS_DENIED)/, 'GRANT ALL ON its database TO the user.'],
  [/^ER_(?:ACCESS_DENIED|HOST_)/, 'Check the user and password of MYSQL_URL, and from where the user may come.'],
  [/^ER_BAD_DB_ERROR$/, 'Create the database (CREATE DATABASE …), or name one that there is.'],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'Check the host of MYSQL_URL.'],
  [/no such file or directory, open/, 'Check the files that MYSQL_URL names.'],
  [/^(?:ECONNREFUSED|ENOENT)$/, 'Start the server, or check host and port of MYSQL_URL.'],
  [/^ER_(?:CON_COUNT|TOO_MANY_USER)/, 'Lower pool_size, or raise max_connections.'],
  [/^HANDSHAKE_NO_SSL/, 'Give the server a certificate, or say ssl-mode=disabled where the network is trusted.'],
  [
    /CERT|SELF_SIGNED|VERIFY|ISSUER|self-signed|certificate|altname/i,
    'Name its authority by ssl-ca=FILE, and the server as its certificate does.',
  ],
]

export function cannotOpen(url: MysqlUrl, error: unknown): DatabaseError {
  return cannotOpenDatabase({ name: 'The MySQL database', url, ways, isLost }, error)
}
