import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { Env } from '../env.ts'
import { startEmbeddedWarehouse } from '../storage/chdb/spawn.ts'
import type { DataDirectory } from '../storage/directory.ts'

/**
 * The embedded warehouse as a process of its own, for a core in several that has no ClickHouse: they reach it by
 * `CLICKHOUSE_URL=http://default:password@host:port`. It speaks plain HTTP: keep it inside the mesh.
 */
export async function startWarehouse(env: Env, directory: DataDirectory, log: Logger) {
  const engine = await startEmbeddedWarehouse({
    directory: directory.at('warehouse'),
    host: env.CORE_HOST,
    port: env.WAREHOUSE_PORT,
    password: env.WAREHOUSE_PASSWORD ?? '',
    readSlots: env.WAREHOUSE_READ_SLOTS,
    writeSlots: env.WAREHOUSE_WRITE_SLOTS,
    memoryBytes: env.WAREHOUSE_MEMORY_BYTES,
    log: log.child({ engine: 'warehouse' }),
  })
  const server = createServer(({ url }, response) => {
    const answer = (isOk: boolean): void => {
      response.writeHead(isOk ? 200 : 503, { 'content-type': 'application/json' })
      response.end(JSON.stringify(url === '/health/live' ? { live: isOk } : { ready: isOk }))
    }
    if (url === '/health/live') return answer(true)
    if (url !== '/health/ready') return void response.writeHead(404).end()
    engine.ping().then(answer, () => answer(false))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(env.CORE_HTTP_PORT, env.CORE_HOST, resolve)
  })
  log.info({ warehouse: engine.url, data: directory.path }, 'warehouse ready')
  return {
    log,
    ready: {
      http: `http://${env.CORE_HOST}:${(server.address() as AddressInfo).port}`,
      grpc: '',
      data: directory.path,
      adminKey: undefined,
    },
    async stop(): Promise<void> {
      server.close()
      await engine.close()
      directory.release()
    },
  }
}
