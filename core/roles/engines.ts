import { hash } from 'node:crypto'
import type { Logger } from 'pino'
import { openMongoDocuments, openMysqlItems } from '../catalog/index.ts'
import type { Env } from '../env.ts'
import { limits } from '../limits.ts'
import { type EmbeddedWarehouseOptions, startEmbeddedWarehouse } from '../storage/chdb/spawn.ts'
import { claim } from '../storage/clickhouse/claim.ts'
import { connectWarehouse } from '../storage/clickhouse/connect.ts'
import { openClickHouse } from '../storage/clickhouse/open.ts'
import type { Control, Migrations } from '../storage/control.ts'
import { type DataDirectory, installationOf, keepToLog, keepToWarehouse } from '../storage/directory.ts'
import { openObjectFolder } from '../storage/folder/objects.ts'
import type { Log } from '../storage/log.ts'
import type { Objects } from '../storage/objects.ts'
import { openPglite } from '../storage/pglite/connect.ts'
import { openPostgres } from '../storage/postgres/connect.ts'
import { openEmbeddedRedis } from '../storage/redis/embedded.ts'
import type { Redis } from '../storage/redis.ts'
import type { RedisUrl } from '../storage/redis/url.ts'
import type { S3Options } from '../storage/s3/url.ts'
import { openSqliteLog } from '../storage/sqlite/log.ts'
import type { Warehouse } from '../storage/warehouse.ts'
import { holderOf } from './leases.ts'

export interface Engines {
  readonly control: Control
  readonly warehouse: Warehouse
  readonly eventLog: Log
  readonly objects: Objects
  readonly redis: Redis
  /** Where they are not in the control store. */
  readonly items: Awaited<ReturnType<typeof openMysqlItems>> | undefined
  readonly documents: Awaited<ReturnType<typeof openMongoDocuments>> | undefined
}

export interface EnginesOptions {
  readonly env: Env
  readonly directory: DataDirectory
  readonly migrations: readonly Migrations[]
  readonly log: Logger
  /** A query in this database ended only with the embedded warehouse's process. */
  readonly onStuck: (database: string) => void
}

/** The engines that every role stands on: each where its URL says, else embedded in the data directory. */
export async function openEngines({ env, directory, migrations, log, onStuck }: EnginesOptions): Promise<Engines> {
  const isFilled = keepToWarehouse(directory, env.CLICKHOUSE_URL === undefined ? 'embedded' : 'ClickHouse')
  // Loaded only where it is used (half a second, 60 MB), and before there are answers to be waited for in time.
  const kafka = env.KAFKA_URL && { options: env.KAFKA_URL, ...(await import('../storage/kafka/log.ts')) }
  const [control, warehouse, eventLog, objects, redis, items, documents] = await Promise.all([
    env.DATABASE_URL === undefined
      ? openPglite(directory.at('control'), migrations)
      : openPostgres(env.DATABASE_URL, migrations, log.child({ engine: 'postgres' })),
    env.CLICKHOUSE_URL === undefined
      ? openEmbedded({
          directory: directory.at('warehouse'),
          readSlots: env.WAREHOUSE_READ_SLOTS,
          writeSlots: env.WAREHOUSE_WRITE_SLOTS,
          memoryBytes: env.WAREHOUSE_MEMORY_BYTES,
          log: log.child({ engine: 'warehouse' }),
          onStuck,
        })
      : openClickHouse(env.CLICKHOUSE_URL, log.child({ engine: 'clickhouse' })),
    kafka === undefined
      ? openSqliteLog({
          directory: directory.at('log'),
          onFatal(error) {
            // Nothing can be acknowledged any more; whoever supervises this process starts another.
            log.fatal({ err: error }, 'the event log died')
            process.exit(70)
          },
        })
      : kafka.openKafkaLog(kafka.options, hash('sha256', holderOf(directory))),
    env.OBJECTS_URL === undefined
      ? openObjectFolder(directory.at('objects'))
      : openS3(env.OBJECTS_URL, log.child({ engine: 's3' })),
    env.REDIS_URL === undefined ? openEmbeddedRedis() : openRedisServer(env.REDIS_URL, log.child({ engine: 'redis' })),
    env.MYSQL_URL && openMysqlItems(env.MYSQL_URL),
    env.MONGODB_URL && openMongoDocuments(env.MONGODB_URL, log.child({ engine: 'mongodb' })),
  ])
  keepToLog(directory, eventLog.identity)
  if (env.CLICKHOUSE_URL !== undefined) {
    const embedded = env.KAFKA_URL === undefined ? ` of the installation ${installationOf(directory)}` : ''
    await claim(warehouse, `${eventLog.identity}${embedded}`, isFilled)
  }
  return { control, warehouse, eventLog, objects, redis, items, documents }
}

async function openEmbedded(options: EmbeddedWarehouseOptions): Promise<Warehouse> {
  const engine = await startEmbeddedWarehouse(options)
  const warehouse = connectWarehouse({ ...engine, maxConnections: limits.warehouse.maxConnections, log: options.log })
  return {
    ...warehouse,
    async close() {
      await warehouse.close()
      await engine.close()
    },
  }
}

/** Loaded only where it is used: Amazon's client is large. */
async function openS3(options: S3Options, log: Logger) {
  const { openS3Objects } = await import('../storage/s3/objects.ts')
  return openS3Objects(options, log)
}

/** Likewise. */
async function openRedisServer(url: RedisUrl, log: Logger) {
  const { openRedis } = await import('../storage/redis/connect.ts')
  return openRedis(url, log)
}
