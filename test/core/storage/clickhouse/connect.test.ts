import pino from 'pino'

import { startEmbeddedWarehouse } from '../../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../../core/storage/clickhouse/connect.ts'
import { warehouseContract } from '../../../contract/warehouse.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const log = pino({ level: 'silent' })

warehouseContract('the embedded warehouse', async () => {
  const directory = temporaryDirectory()
  const embedded = await startEmbeddedWarehouse({ directory: directory.path, log })
  const warehouse = connectWarehouse({ ...embedded, maxConnections: 16, log })
  return {
    warehouse,
    async close() {
      await warehouse.close()
      await embedded.close()
      directory.remove()
    },
  }
})

// A real server: CLICKHOUSE_TEST_URL=http://user:password@host:8123
const url = process.env['CLICKHOUSE_TEST_URL']
if (url !== undefined) {
  warehouseContract('a ClickHouse server', async () => {
    const { origin, username, password } = new URL(url)
    const warehouse = connectWarehouse({ url: origin, username, password, maxConnections: 16, log })
    return { warehouse, close: () => warehouse.close() }
  })
}
