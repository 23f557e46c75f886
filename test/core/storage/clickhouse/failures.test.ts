import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import pino from 'pino'
import { afterEach, expect, test } from 'vitest'

import { connectWarehouse } from '../../../../core/storage/clickhouse/connect.ts'
import { errorOf, query, read } from '../../../contract/warehouse.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** A peer that breaks in ways a sound engine does not. */
async function connectTo(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const log = pino({ level: 'silent' })
  const warehouse = connectWarehouse({
    url: `http://127.0.0.1:${port}`,
    username: 'u',
    password: 'p',
    maxConnections: 2,
    log,
  })
  cleanups.push(
    () => warehouse.close(),
    () => server.close(),
    () => server.closeAllConnections(),
  )
  return { warehouse, server }
}

test('a body that breaks off is an error, not an end', async () => {
  const { warehouse } = await connectTo((_, res) => res.write('{"a":1}\n', () => res.socket?.destroy()))
  expect(await errorOf(read(warehouse, query('SELECT 1')))).toMatchObject({ problem: 'warehouse.restarted' })
})

test('a body shorter than it was said to be is an error', async () => {
  const { warehouse } = await connectTo((_, res) => {
    res.writeHead(200, { 'content-length': 100 })
    res.write('{"a":1}\n', () => res.socket?.end())
  })
  expect(await errorOf(read(warehouse, query('SELECT 1')))).toMatchObject({ problem: 'warehouse.restarted' })
})

test.each([502, 503, 500])('a %i without an exception is a warehouse that went away', async (status) => {
  const { warehouse } = await connectTo((_, res) => res.writeHead(status).end('<html>bad gateway</html>'))
  expect(await errorOf(warehouse.rows(query('SELECT 1')))).toMatchObject({ problem: 'warehouse.restarted' })
})

test('nobody listening is a warehouse that went away, and its ping is no', async () => {
  const { warehouse, server } = await connectTo((_, res) => res.end())
  server.close()
  await once(server, 'close')
  expect(await errorOf(warehouse.rows(query('SELECT 1')))).toMatchObject({
    problem: 'warehouse.restarted',
    status: 503,
  })
  expect(await warehouse.ping()).toBe(false)
})

test('a peer that never answers is given up after the deadline', async () => {
  const { warehouse } = await connectTo(() => undefined)
  const began = Date.now()
  const error = await errorOf(warehouse.rows(query('SELECT 1', { deadline: Date.now() + 200 })))
  expect(error).toMatchObject({ problem: 'limit.deadline' })
  expect(Date.now() - began).toBeLessThan(8000)
})

test('an exception of a server is read with its number, its name and its message', async () => {
  const { warehouse } = await connectTo((_, res) => {
    res.writeHead(404, { 'x-clickhouse-exception-code': '60' })
    res.end(
      'Code: 60. DB::Exception: Received from db:9000. DB::Exception: Table `x` (of y) does not exist. (UNKNOWN_TABLE) (version 25.8.1.1 (official build))\n',
    )
  })
  expect(await errorOf(warehouse.rows(query('SELECT 1')))).toMatchObject({
    number: 60,
    kind: 'UNKNOWN_TABLE',
    message: 'Received from db:9000. DB::Exception: Table `x` (of y) does not exist.',
  })
})

test('connections are kept and used again', async () => {
  let connections = 0
  const { warehouse, server } = await connectTo((_, res) => {
    res.writeHead(200, { trailer: 'X-ClickHouse-Summary' })
    res.write('{"a":1}\n')
    res.addTrailers({ 'X-ClickHouse-Summary': '{"read_rows":"7"}' })
    res.end()
  })
  server.on('connection', () => connections++)
  for (let at = 0; at < 5; at++) expect(await warehouse.rows(query('SELECT 1'))).toEqual([{ a: 1 }])
  expect(connections).toBe(1)
})

test('a connection that a server may have closed for being idle is not used, however late this process comes to it', async () => {
  let connections = 0
  const { warehouse, server } = await connectTo((_, res) => res.end())
  server.on('connection', () => connections++)
  await warehouse.command('SELECT 1')
  // Nothing is run meanwhile: no timer, and nothing that hears of a connection's end.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_300)
  await warehouse.command('SELECT 1')
  expect(connections).toBe(2)
})
