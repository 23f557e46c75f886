import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import type { RowDataPacket } from 'mysql2/promise'
import type { Migrations } from '../control.ts'
import type { Connection, Connections } from './connections.ts'
import { codeOf } from '../database-error.ts'

const lockSeconds = 600
/** What was to be made is there, and what was to be dropped is not. */
const done =
  /^(?:ER_TABLE_EXISTS_ERROR|ER_DUP_FIELDNAME|ER_DUP_KEYNAME|ER_CANT_DROP_FIELD_OR_KEY|ER_BAD_TABLE_ERROR|ER_MULTIPLE_PRI_KEY)$/

/**
 * Brings every domain's tables up to date, one process at a time: the others wait, and find it done. MySQL commits each
 * statement of a definition by itself, so one that fails leaves those before it; how far it came is written down around each,
 * and the next to start goes on from there. One that was cut off may have been done: it is tried, and is then found done.
 */
export async function migrateAll(
  connections: Connections,
  database: string,
  migrations: readonly Migrations[],
): Promise<void> {
  await connections.use(async (connection) => {
    // The lock is the connection's, which does all of the work: it cannot go on without it.
    const [row] = await rows(connection, `SELECT GET_LOCK(CONCAT('edgewise/', MD5(?)), ${lockSeconds}) AS held`, [
      database,
    ])
    if (row?.['held'] !== 1) throw new Error('another process migrates, and has not ended in ten minutes')
    try {
      await connection.query({
        sql: `CREATE TABLE IF NOT EXISTS edgewise_migrations (
                domain VARCHAR(48) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                made BIGINT NOT NULL,
                begun INT NOT NULL,
                done INT NOT NULL,
                PRIMARY KEY (domain, made)
              )`,
      })
      for (const each of migrations) await migrate(connection, each)
    } finally {
      await connection.query({ sql: `DO RELEASE_LOCK(CONCAT('edgewise/', MD5(?)))` }, [database])
    }
  })
}

async function migrate(connection: Connection, { domain, folder }: Migrations): Promise<void> {
  for (const { sql, folderMillis } of readMigrationFiles({ migrationsFolder: fileURLToPath(folder) })) {
    const at = [domain, folderMillis]
    await connection.query({ sql: 'INSERT IGNORE INTO edgewise_migrations VALUES (?, ?, 0, 0)' }, at)
    const [state] = await rows(
      connection,
      'SELECT begun, done FROM edgewise_migrations WHERE domain = ? AND made = ?',
      at,
    )
    const begunBefore = Number(state?.['begun'])
    const mark = (column: 'begun' | 'done', count: number) =>
      connection.query({ sql: `UPDATE edgewise_migrations SET ${column} = ${count} WHERE domain = ? AND made = ?` }, at)
    for (let index = Number(state?.['done']); index < sql.length; index++) {
      await mark('begun', index + 1)
      try {
        await connection.query({ sql: sql[index] ?? '' })
      } catch (cause) {
        if (index + 1 > begunBefore || !done.test(codeOf(cause))) {
          throw new Error(`the migrations of ${domain} failed`, { cause })
        }
      }
      await mark('done', index + 1)
    }
  }
}

async function rows(connection: Connection, sql: string, values: unknown[]): Promise<RowDataPacket[]> {
  const [found] = await connection.query({ sql }, values)
  return found as RowDataPacket[]
}
