import type { Logger } from 'pino'
import type { Env } from '../env.ts'
import { limits } from '../limits.ts'
import { type EmbeddedWarehouseOptions, startEmbeddedWarehouse } from '../storage/chdb/spawn.ts'
import { claim } from '../storage/clickhouse/claim.ts'
import { connectWarehouse } from '../storage/clickhouse/connect.ts'
import { openClickHouse } from '../storage/clickhouse/open.ts'
import type { Control, Migrations } from '../storage/control.ts'
import { type DataDirectory, installationOf, keepToLog, keepToWarehouse } from '../storage/directory.ts'
import type { Log } from '../storage/log.ts'
import { openPglite } from '../storage/pglite/connect.ts'
import { openPostgres } from '../storage/postgres/connect.ts'
import { openSqliteLog } from '../storage/sqlite/log.ts'
import type { Warehouse } from '../storage/warehouse.ts'

export interface Engines {
  readonly control: Control
  readonly warehouse: Warehouse
  readonly eventLog: Log
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
  const [control, warehouse, eventLog] = await Promise.all([
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
      : kafka.openKafkaLog(kafka.options),
  ])
  keepToLog(directory, eventLog.identity)
  if (env.CLICKHOUSE_URL !== undefined) {
    const embedded = env.KAFKA_URL === undefined ? ` of the installation ${installationOf(directory)}` : ''
    await claim(warehouse, `${eventLog.identity}${embedded}`, isFilled)
  }
  return { control, warehouse, eventLog }
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
