import type { Logger } from 'pino'
import type { Service } from '#mesh/rpc/call.ts'
import type { CatalogService } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import type { Mongo } from '../storage/mongodb/connect.ts'
import type { MongoUrl } from '../storage/mongodb/url.ts'
import type { Mysql } from '../storage/mysql/connect.ts'
import type { MysqlUrl } from '../storage/mysql/url.ts'
import type { CatalogOptions } from './deps.ts'
import { createRelay } from './relay.ts'
import { catalogService } from './rpc.ts'
import type { CatalogStore } from './store.ts'

export { catalogLimits } from './limits.ts'
export { postgresStore } from './store.postgres.ts'

export const migrations = { domain: 'catalog', folder: new URL('./migrations', import.meta.url) }

/** Items on a MySQL or a MariaDB. */
export interface MysqlItems extends Pick<Mysql, 'ping' | 'close'> {
  readonly store: CatalogStore
}

const mysqlMigrations = { domain: 'catalog', folder: new URL('./migrations/mysql', import.meta.url) }

/** Loaded only where it is used: the driver, and what speaks its dialect. */
export async function openMysqlItems(url: MysqlUrl): Promise<MysqlItems> {
  const [{ openMysql }, { mysqlStore }] = await Promise.all([
    import('../storage/mysql/connect.ts'),
    import('./store.mysql.ts'),
  ])
  const { db, ping, close } = await openMysql(url, [mysqlMigrations])
  return { store: mysqlStore(db), ping, close }
}

/** Documents in MongoDB. */
export interface MongoDocuments extends Pick<Mongo, 'ping' | 'close'> {
  readonly store: CatalogStore
}

/** As well. */
export async function openMongoDocuments(url: MongoUrl, log: Logger): Promise<MongoDocuments> {
  const [{ openMongo }, { mongoIndexes, mongoStore }] = await Promise.all([
    import('../storage/mongodb/connect.ts'),
    import('./store.mongodb.ts'),
  ])
  const mongo = await openMongo(url, mongoIndexes, log)
  return { store: mongoStore(mongo), ping: mongo.ping, close: mongo.close }
}

export interface Catalog {
  readonly service: Service<typeof CatalogService>
  /** Sends what a process of before left in the outbox, and looks into it from now on. */
  start(): void
  /** What is being sent is sent. */
  close(): Promise<void>
}

export function createCatalog(options: CatalogOptions): Catalog {
  const relay = createRelay(options, options.stores)
  return {
    service: catalogService({ ...options, wake: relay.wake }),
    start: relay.start,
    close: relay.close,
  }
}
