import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmbeddedWarehouse } from '../../../../core/storage/chdb/spawn.ts'
import { claim } from '../../../../core/storage/clickhouse/claim.ts'
import { openClickHouse } from '../../../../core/storage/clickhouse/open.ts'
import { type ClickHouseUrl, parseClickHouseUrl } from '../../../../core/storage/clickhouse/url.ts'
import { errorOf, query } from '../../../contract/warehouse.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const log = pino({ level: 'silent' })
const directory = temporaryDirectory()
let embedded: Awaited<ReturnType<typeof startEmbeddedWarehouse>>

beforeAll(async () => {
  embedded = await startEmbeddedWarehouse({ directory: directory.path, log })
})
afterAll(async () => {
  await embedded.close()
  directory.remove()
})

function urlOf(text: string): ClickHouseUrl {
  const url = parseClickHouseUrl(text)
  if (typeof url === 'string') throw new Error(url)
  return url
}

/** The process of the embedded warehouse speaks the protocol, and so stands for a server. */
function address(password = embedded.password): string {
  return embedded.url.replace('http://', `http://${embedded.username}:${encodeURIComponent(password)}@`)
}

test('a server that answers is the warehouse, as its user', async () => {
  const warehouse = await openClickHouse(urlOf(address()), log)
  expect(await warehouse.rows(query('SELECT currentDatabase() AS d'))).toEqual([{ d: 'default' }])
  expect(await warehouse.ping()).toBe(true)
  await warehouse.close()
})

test('a wrong password is refused at the start, and not shown', async () => {
  const error = (await errorOf(openClickHouse(urlOf(address('wr0ng')), log))) as Error
  expect(error).toMatchObject({ exitCode: 78, message: expect.stringContaining('(516)') as string })
  expect(error.message).toContain('Check the user and password of CLICKHOUSE_URL.')
  expect(error.message).not.toContain('wr0ng')
})

test('nobody listening is refused at the start, after some patience', async () => {
  const error = await errorOf(openClickHouse(urlOf('http://127.0.0.1:1?patience_ms=100'), log))
  expect(error).toMatchObject({ exitCode: 68, message: expect.stringContaining('Start the server') as string })
})

test.each([
  ['24.8.1.1', 'it is ClickHouse 24.8.1.1; 25.11 or newer is needed'],
  ['25.10.9', '25.11 or newer is needed'],
  ['', '25.11 or newer is needed'],
])('version %j is too old', async (version, said) => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end(`${JSON.stringify({ version })}\n`))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const error = await errorOf(openClickHouse(urlOf(`http://127.0.0.1:${port}`), log))
  expect(error).toMatchObject({ exitCode: 78, message: expect.stringContaining(said) as string })
  server.closeAllConnections()
  server.close()
})

test('a connection that was refused is made when the server is there', async () => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"version":"24.1.1"}\n'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const refused = errorOf(openClickHouse(urlOf(`http://127.0.0.1:${port}?patience_ms=20000`), log))
  setTimeout(() => server.listen(port, '127.0.0.1'), 300)
  expect(await refused).toMatchObject({ message: expect.stringContaining('it is ClickHouse 24.1.1') as string })
  server.closeAllConnections()
  server.close()
})

test('a ClickHouse keeps to the log that it is filled from', async () => {
  const warehouse = await openClickHouse(urlOf(address()), log)
  expect(await errorOf(claim(warehouse, 'a', true))).toMatchObject({ exitCode: 78 })
  await claim(warehouse, 'a', false)
  await claim(warehouse, 'a', true)
  expect(await errorOf(claim(warehouse, 'b', false))).toMatchObject({
    exitCode: 78,
    message: expect.stringContaining('is filled from a, not from b') as string,
  })
  await warehouse.close()
})
