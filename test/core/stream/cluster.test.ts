import { create } from '@bufbuild/protobuf'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SchemaSchema } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { startEmbeddedWarehouse } from '../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../core/storage/clickhouse/connect.ts'
import { layoutOf } from '../../../core/storage/clickhouse/layout.ts'
import type { Warehouse } from '../../../core/storage/warehouse.ts'
import { streamLimits } from '../../../core/stream/index.ts'
import { createTables } from '../../../core/stream/tables.ts'
import { query } from '../../contract/warehouse.ts'
import { temporaryDirectory } from '../../support/directory.ts'

const logger = pino({ level: 'silent' })
const schema = create(SchemaSchema, {
  columns: [
    { name: 'time', type: 'DateTime64(3)' },
    { name: 'n', type: 'Int64' },
  ],
  time: 'time',
  orderBy: ['n'],
  ttl: '90 DAY',
})

/** Everything that is said to a warehouse on a cluster, of a stream's life. */
async function said(): Promise<readonly string[]> {
  const statements: string[] = []
  const warehouse = {
    layout: layoutOf('prod'),
    command(sql: string): Promise<void> {
      statements.push(sql)
      return Promise.resolve()
    },
    rows({ sql }: { readonly sql: string }): Promise<object[]> {
      statements.push(sql)
      return Promise.resolve(sql.startsWith('SELECT count()') ? [{ n: '2' }] : [])
    },
  } as unknown as Warehouse
  const log = { createTopic: () => Promise.resolve(), deleteTopic: () => Promise.resolve() }
  const tables = createTables({ warehouse, log: log as never, logger, limits: streamLimits })
  const until = { signal: new AbortController().signal, deadline: Date.now() + 10_000 }
  await tables.createDatabase('main')
  await tables.create('main', 'orders', schema, 1)
  await tables.addColumns('main', 'orders', [{ name: 'city', type: 'String' }])
  await tables.mask('main', 'orders', [{ name: 'n', type: 'Int64', pii: true }])
  const selection = { sql: 'SELECT _partition, _offset FROM orders WHERE n = 1', database: 'main' }
  await tables.deleteRows('main', 'orders', selection, until, () => Promise.resolve())
  await tables.truncate('main', 'orders')
  await tables.drop('main', 'orders')
  return [...statements, ...warehouse.layout.caughtUp('main', 'orders')]
}

describe('on a cluster', () => {
  const directory = temporaryDirectory()
  let engine: Awaited<ReturnType<typeof startEmbeddedWarehouse>>
  let parser: Warehouse
  beforeAll(async () => {
    engine = await startEmbeddedWarehouse({ directory: directory.path, log: logger })
    parser = connectWarehouse({ ...engine, maxConnections: 4, log: logger })
  })
  afterAll(async () => {
    await parser.close()
    await engine.close()
    directory.remove()
  })

  test('a stream is a replicated table on each shard, and one name for all of them', async () => {
    const statements = (await said()).filter((sql) => sql.includes('`orders`'))
    expect(statements).toMatchInlineSnapshot(`
      [
        "CREATE TABLE IF NOT EXISTS \`_local_main\`.\`orders\` ON CLUSTER \`prod\` (\`time\` DateTime64(3), \`n\` Int64, \`_partition\` UInt16 MATERIALIZED 0, \`_offset\` UInt64 MATERIALIZED 0) ENGINE = ReplicatedMergeTree PARTITION BY toYYYYMM(\`time\`) ORDER BY (\`n\`) TTL toDateTime(\`time\`) + INTERVAL 90 DAY SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, allow_nullable_key = 1",
        "CREATE TABLE IF NOT EXISTS \`main\`.\`orders\` ON CLUSTER \`prod\` (\`time\` DateTime64(3), \`n\` Int64, \`_partition\` UInt16 MATERIALIZED 0, \`_offset\` UInt64 MATERIALIZED 0) ENGINE = Distributed('prod', '_local_main', 'orders', _partition + intDiv(_offset, 65536))",
        "ALTER TABLE \`_local_main\`.\`orders\` ON CLUSTER \`prod\` ADD COLUMN IF NOT EXISTS \`city\` String",
        "ALTER TABLE \`main\`.\`orders\` ON CLUSTER \`prod\` ADD COLUMN IF NOT EXISTS \`city\` String",
        "CREATE OR REPLACE VIEW \`_masked_main\`.\`orders\` ON CLUSTER \`prod\` (\`n\` Int64, \`_partition\` UInt16 MATERIALIZED 0, \`_offset\` UInt64 MATERIALIZED 0) AS SELECT CAST(defaultValueOfTypeName('Int64'), 'Int64') AS \`n\`, _partition, _offset FROM \`main\`.\`orders\`",
        "ALTER TABLE \`_local_main\`.\`orders\` ON CLUSTER \`prod\` DELETE WHERE (_partition, _offset) IN (SELECT _partition, _offset FROM \`main\`.\`_deleting_orders\`)",
        "TRUNCATE TABLE \`_local_main\`.\`orders\` ON CLUSTER \`prod\`",
        "DROP VIEW IF EXISTS \`_masked_main\`.\`orders\` ON CLUSTER \`prod\` SYNC",
        "DROP TABLE IF EXISTS \`main\`.\`orders\` ON CLUSTER \`prod\` SYNC",
        "DROP TABLE IF EXISTS \`_local_main\`.\`orders\` ON CLUSTER \`prod\` SYNC",
        "SYSTEM SYNC REPLICA ON CLUSTER \`prod\` \`_local_main\`.\`orders\`",
      ]
    `)
  })

  test('whatever makes, changes or removes something does so on every host', async () => {
    const changing = (await said()).filter((sql) => /^(?:CREATE|ALTER|DROP|TRUNCATE|KILL|SYSTEM)/.test(sql))
    expect(changing.length).toBeGreaterThan(30)
    expect(changing.filter((sql) => !sql.includes(' ON CLUSTER `prod`'))).toEqual([])
  })

  test('no table keeps rows that is not replicated', async () => {
    const engines = (await said()).flatMap((sql) => /ENGINE = (\w+)/.exec(sql)?.[1] ?? [])
    expect(new Set(engines)).toEqual(new Set(['ReplicatedMergeTree', 'ReplicatedReplacingMergeTree', 'Distributed']))
  })

  test('the engine’s parser takes every statement', async () => {
    for (const sql of await said()) {
      const asked = query('SELECT formatQuerySingleLine({sql:String}) AS printed', { params: { sql: escaped(sql) } })
      expect(await parser.rows(asked), sql).toHaveLength(1)
    }
  })
})

test('on one server a table is where its name says', () => {
  const layout = layoutOf(undefined)
  expect([layout.onCluster, layout.rowsOf('main'), layout.ofHosts('mutations')]).toEqual([
    '',
    'main',
    'system.mutations',
  ])
  expect(layout.caughtUp('main', 'orders')).toEqual([])
})

/** As parameters are read. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
