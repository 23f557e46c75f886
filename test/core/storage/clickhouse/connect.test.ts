import pino from 'pino'

import { startEmbeddedWarehouse } from '../../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../../core/storage/clickhouse/connect.ts'
import { openClickHouse } from '../../../../core/storage/clickhouse/open.ts'
import { parseClickHouseUrl } from '../../../../core/storage/clickhouse/url.ts'
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

// A real server, as CLICKHOUSE_URL names one.
const url = parseClickHouseUrl(process.env['CLICKHOUSE_TEST_URL'] ?? '')
if (typeof url !== 'string') {
  warehouseContract('a ClickHouse server', async () => {
    const warehouse = await openClickHouse(url, log)
    return { warehouse, close: () => warehouse.close() }
  })
}
