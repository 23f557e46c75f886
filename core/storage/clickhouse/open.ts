import type { Logger } from 'pino'
import { DatabaseError } from '../database-error.ts'
import { type Warehouse, WarehouseError } from '../warehouse.ts'
import { connectWarehouse } from './connect.ts'
import { codeOf } from './patience.ts'
import { prove } from './prove.ts'
import type { ClickHouseUrl } from './url.ts'

/** The first that marks a failure in the middle of an answer so that no data can be taken for it. */
const oldestVersion = [25, 11] as const
const timeoutMs = 10_000

const ways: readonly (readonly [pattern: RegExp, way: string])[] = [
  [/^(?:516|192|193|194)$/, 'Check the user and password of CLICKHOUSE_URL.'],
  [/^497$/, 'The user must be one that may create databases and tables.'],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'Check the host of CLICKHOUSE_URL.'],
  [
    /^(?:ECONNREFUSED|E(?:HOST|NET)UNREACH)$/,
    'Start the server, or check host and port: HTTP is at 8123, HTTPS at 8443.',
  ],
  [
    /^(?:ECONNRESET|EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|HPE_\w+)$/,
    'Check the port, and whether it is http:// or https://.',
  ],
  [/CERT|SELF_SIGNED|VERIFY|ISSUER/, 'Name its authority by ca=FILE, and the server as its certificate does.'],
]

/**
 * The warehouse on a ClickHouse server, once it has answered as one that can be used. Throws a DatabaseError that says
 * what to do where it has not.
 */
export async function openClickHouse(url: ClickHouseUrl, log: Logger): Promise<Warehouse> {
  const warehouse = connectWarehouse({ ...url, log })
  try {
    await versionOf(warehouse)
    await prove(warehouse)
    return warehouse
  } catch (error) {
    await warehouse.close()
    throw cannotOpen(url, error)
  }
}

/** The version of the server. Fails, as opening it would, where it cannot be used; changes nothing. */
export async function askClickHouse(url: ClickHouseUrl): Promise<string> {
  const warehouse = connectWarehouse({ ...url })
  try {
    return await versionOf(warehouse)
  } catch (error) {
    throw cannotOpen(url, error)
  } finally {
    await warehouse.close()
  }
}

async function versionOf(warehouse: Warehouse): Promise<string> {
  const [found] = await warehouse.rows<{ readonly version: string }>({
    sql: 'SELECT version() AS version',
    database: 'system',
    deadline: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
  })
  const version = found?.version.slice(0, 40) ?? ''
  const [year = 0, month = 0] = version.split('.').map(Number)
  if (year > oldestVersion[0] || (year === oldestVersion[0] && month >= oldestVersion[1])) return version
  throw new Error(`it is ClickHouse ${version}; ${oldestVersion.join('.')} or newer is needed`)
}

/** Says which server it is, why, and the way out: nothing of the URL that is secret. */
function cannotOpen({ url }: ClickHouseUrl, error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error
  let cause = error
  // What wraps it was said by us.
  while (cause instanceof Error && !(cause instanceof WarehouseError) && cause.cause !== undefined) cause = cause.cause
  const code = cause instanceof WarehouseError ? String(cause.number) : codeOf(cause)
  const way = ways.find(([pattern]) => pattern.test(code))?.[1]
  const isAway = !(cause instanceof WarehouseError) && code !== ''
  return new DatabaseError(
    `The warehouse ${url} cannot be opened: ${wordsOf(cause)}${code === '' ? '' : ` (${code})`}.${way === undefined ? '' : ` ${way}`}`,
    isAway ? 68 : 78,
    cause,
  )
}

function wordsOf(cause: unknown): string {
  if (cause instanceof AggregateError) return wordsOf(cause.errors.at(-1))
  const said = cause instanceof Error ? cause.message : ''
  return said === '' ? 'it did not answer in time' : said.replace(/\.?\s*$/, '').slice(0, 300)
}
