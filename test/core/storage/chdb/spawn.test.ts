import { spawn as spawnProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import pino from 'pino'
import { afterEach, expect, test, vi } from 'vitest'

import { startEmbeddedWarehouse, type EmbeddedWarehouseOptions } from '../../../../core/storage/chdb/spawn.ts'
import { connectWarehouse } from '../../../../core/storage/clickhouse/connect.ts'
import { errorOf, query, read, running } from '../../../contract/warehouse.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const log = pino({ level: 'silent' })
const endless = 'SELECT sum(cityHash64(number)) AS endless FROM numbers(1000000000000)'
const cleanups: (() => void | Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function directoryForTest(): string {
  const directory = temporaryDirectory()
  cleanups.push(() => directory.remove())
  return directory.path
}

async function start(options: Partial<EmbeddedWarehouseOptions> = {}) {
  const embedded = await startEmbeddedWarehouse({ directory: options.directory ?? directoryForTest(), log, ...options })
  const warehouse = connectWarehouse({ ...embedded, maxConnections: 32, log })
  async function close(): Promise<void> {
    await warehouse.close()
    await embedded.close()
  }
  cleanups.push(close)
  return { embedded, warehouse, close }
}

/** A process that has ended but was not waited for (nobody adopts an orphan's child here) is not alive. */
function alive(pid: number | undefined): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function residentBytes(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

test('kill -9 of its process fails what is in flight, and it comes back at the same address with its data', async () => {
  const { embedded, warehouse } = await start()
  await warehouse.command('CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a')
  await warehouse.insert({ database: 'default', table: 'kept', rows: '{"a":1}\n{"a":2}', token: 'a' })
  const result = await warehouse.stream(query('SELECT number FROM numbers(1000000000000)', { format: 'CSV' }))
  const untouched = await warehouse.stream(query('SELECT number FROM numbers(1000000000000)', { format: 'CSV' }))
  const waiting = errorOf(warehouse.rows(query(endless)))
  const streaming = errorOf(
    (async () => {
      for await (const _ of result.body);
    })(),
  )
  await sleep(200)
  const { pid } = embedded
  process.kill(pid ?? 0, 'SIGKILL')
  expect(await waiting).toMatchObject({ problem: 'warehouse.restarted', status: 503, retryable: true })
  expect(await streaming).toMatchObject({ problem: 'warehouse.restarted' })
  await sleep(50)
  const late = (async () => {
    for await (const _ of untouched.body);
  })()
  expect(await errorOf(late)).toMatchObject({ problem: 'warehouse.restarted' })
  await expect.poll(() => warehouse.ping(), { timeout: 10_000 }).toBe(true)
  expect(embedded.pid).not.toBe(pid)
  expect(await warehouse.rows(query('SELECT a FROM kept ORDER BY a'))).toEqual([{ a: '1' }, { a: '2' }])
  await warehouse.insert({ database: 'default', table: 'kept', rows: '{"a":3}', token: 'b' })
  expect(await warehouse.rows(query('SELECT count() AS n FROM kept'))).toEqual([{ n: '3' }])
})

test('a clock that jumps ahead is not taken for its silence', async () => {
  const { embedded, warehouse } = await start()
  const { pid } = embedded
  const now = Date.now
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000)
  await sleep(2_500)
  clock.mockRestore()
  await sleep(500)
  expect(embedded.pid).toBe(pid)
  expect(await warehouse.rows(query('SELECT 1 AS one'))).toEqual([{ one: 1 }])
})

test('an insert that kill -9 cuts short is there as a whole or not at all', async () => {
  const { embedded, warehouse } = await start()
  await warehouse.command('CREATE TABLE cut (a UInt32, s String) ENGINE = MergeTree ORDER BY a')
  const rows = Array.from({ length: 20_000 }, (_, a) => JSON.stringify({ a, s: 'x'.repeat(a % 100) })).join('\n')
  for (let round = 0; round < 6; round++) {
    const inserting = warehouse
      .insert({ database: 'default', table: 'cut', rows, token: String(round) })
      .catch(() => undefined)
    await sleep(5 + round * 12)
    process.kill(embedded.pid ?? 0, 'SIGKILL')
    await inserting
    await expect.poll(() => warehouse.ping(), { timeout: 10_000 }).toBe(true)
    const [found] = await warehouse.rows<{ n: string }>(query('SELECT count() AS n FROM cut'))
    expect(Number(found?.n) % 20_000).toBe(0)
  }
})

test('its process ends with its parent, even by kill -9, and the next start gets the directory', async () => {
  const directory = directoryForTest()
  const module = fileURLToPath(new URL('../../../../core/storage/chdb/spawn.ts', import.meta.url))
  const program = `
    import pino from 'pino'
    const { startEmbeddedWarehouse } = await import(${JSON.stringify(module)})
    const embedded = await startEmbeddedWarehouse({ directory: ${JSON.stringify(directory)}, log: pino({ level: 'silent' }) })
    console.log(embedded.pid)
    setInterval(() => {}, 1000)`
  const parent = spawnProcess(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../../../..', import.meta.url)),
  })
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
  const child = Number(line)
  expect(alive(child)).toBe(true)
  parent.kill('SIGKILL')
  const { warehouse } = await start({ directory })
  expect(alive(child)).toBe(false)
  expect(await warehouse.rows(query('SELECT 1 AS v'))).toEqual([{ v: 1 }])
})

test('a query that ignores its deadline and KILL costs the process, not the service', async () => {
  const stuckIn: string[] = []
  const { embedded, warehouse } = await start({ onStuck: (database) => void stuckIn.push(database) })
  const { pid } = embedded
  // One call of one function for one row, in which nothing asks whether to stop.
  const deaf = "SELECT levenshteinDistance(repeat('ab', 32000), repeat('bc', 32000))"
  const error = await errorOf(warehouse.rows(query(deaf, { deadline: Date.now() + 300 })))
  expect(['warehouse.restarted', 'limit.deadline']).toContain((error as { problem?: string }).problem)
  await expect.poll(() => warehouse.ping(), { timeout: 10_000 }).toBe(true)
  expect(embedded.pid).not.toBe(pid)
  expect(stuckIn).toEqual(['default'])
  expect(await warehouse.rows(query('SELECT 1 AS v'))).toEqual([{ v: 1 }])
})

test.each(['SIGSEGV', 'SIGABRT', 'SIGBUS'] as const)('a crash by %s is noticed, and it comes back', async (signal) => {
  const { embedded, warehouse } = await start()
  const { pid } = embedded
  const waiting = errorOf(warehouse.rows(query(endless)))
  await sleep(100)
  const began = Date.now()
  process.kill(pid ?? 0, signal)
  expect(await waiting).toMatchObject({ problem: 'warehouse.restarted' })
  await expect.poll(() => warehouse.ping(), { timeout: 10_000 }).toBe(true)
  expect(Date.now() - began).toBeLessThan(8000)
  expect(embedded.pid).not.toBe(pid)
})

test('slow queries in every slot hold up neither inserts nor DDL nor a ping', async () => {
  const { warehouse } = await start({ readSlots: 2, writeSlots: 1 })
  const caller = new AbortController()
  const slow = Array.from({ length: 4 }, () => errorOf(warehouse.rows(query(endless, { signal: caller.signal }))))
  await sleep(200)
  const began = Date.now()
  await warehouse.command('CREATE TABLE fast (a UInt8) ENGINE = MergeTree ORDER BY a')
  await warehouse.insert({ database: 'default', table: 'fast', rows: '{"a":1}', token: 'a' })
  expect(await warehouse.ping()).toBe(true)
  expect(Date.now() - began).toBeLessThan(3000)
  caller.abort()
  for (const error of await Promise.all(slow)) expect(error).toMatchObject({ problem: 'request.cancelled' })
  expect(await warehouse.rows(query('SELECT count() AS n FROM fast'))).toEqual([{ n: '1' }])
})

test('more than slots and queue take is refused at once, with the time to come back', async () => {
  const { warehouse } = await start({ readSlots: 1, queue: 2 })
  const caller = new AbortController()
  const asked = Array.from({ length: 6 }, () => errorOf(warehouse.rows(query(endless, { signal: caller.signal }))))
  const first = await Promise.race(asked)
  expect(first).toMatchObject({ problem: 'limit.queue_full', status: 503, retryAfterMs: expect.any(Number) as number })
  await sleep(100)
  caller.abort()
  const errors = (await Promise.all(asked)) as { problem: string }[]
  expect(errors.filter(({ problem }) => problem === 'limit.queue_full')).toHaveLength(3)
})

test('a result of hundreds of megabytes passes a slow reader without being held in memory', async () => {
  const { embedded, warehouse } = await start()
  await read(warehouse, query('SELECT number, toString(number) FROM numbers(100000)', { format: 'JSON' }))
  const before = residentBytes(embedded.pid)
  const ownBefore = process.memoryUsage.rss()
  const sql = 'SELECT number, repeat(toString(number), 10) AS s FROM numbers(4000000)'
  const result = await warehouse.stream(query(sql, { format: 'JSON' }))
  let bytes = 0
  let nextStop = 0
  let most = 0
  for await (const chunk of result.body) {
    bytes += chunk.length
    if (bytes < nextStop) continue
    nextStop = bytes + 40_000_000
    await sleep(50)
    most = Math.max(most, residentBytes(embedded.pid) - before)
  }
  expect(bytes).toBeGreaterThan(400_000_000)
  expect(most).toBeLessThan(250_000_000)
  expect(process.memoryUsage.rss() - ownBefore).toBeLessThan(250_000_000)
  expect(result.summary().rowsRead).toBe(4_000_000)
})

test('a reader who stops reading does not keep a query past its deadline', async () => {
  const { warehouse } = await start({ readSlots: 1 })
  const asked = query('SELECT number FROM numbers(1000000000)', { format: 'CSV', deadline: Date.now() + 800 })
  const result = await warehouse.stream(asked)
  expect(await warehouse.rows(query('SELECT 1 AS v'))).toEqual([{ v: 1 }])
  const error = await errorOf(
    (async () => {
      for await (const _ of result.body);
    })(),
  )
  expect(error).toMatchObject({ number: 159 })
})

test('all queries together stay under the bound of memory, and it lives on', async () => {
  const { embedded, warehouse } = await start({ memoryBytes: 600 * 2 ** 20 })
  const { pid } = embedded
  const sql = 'SELECT length(groupArray(number)) FROM numbers(1000000000)'
  const errors = await Promise.all(Array.from({ length: 3 }, () => errorOf(warehouse.rows(query(sql)))))
  for (const error of errors) expect(error).toMatchObject({ number: 241, kind: 'MEMORY_LIMIT_EXCEEDED' })
  expect(await warehouse.rows(query('SELECT 1 AS v'))).toEqual([{ v: 1 }])
  expect(embedded.pid).toBe(pid)
})

test('close finishes what is being written, ends what is being read, and leaves no process', async () => {
  const directory = directoryForTest()
  const first = await start({ directory })
  await first.warehouse.command('CREATE TABLE written (a UInt32) ENGINE = MergeTree ORDER BY a')
  const reading = errorOf(first.warehouse.rows(query(endless)))
  const rows = Array.from({ length: 3_000_000 }, (_, a) => `{"a":${a}}`).join('\n')
  const writing = first.warehouse.insert({ database: 'default', table: 'written', rows, token: 'a' })
  await expect.poll(() => running(first.warehouse, 'written'), { interval: 5, timeout: 5000 }).toBe(1)
  const { pid } = first.embedded
  await first.embedded.close()
  await writing
  await reading
  expect(alive(pid)).toBe(false)
  const second = await start({ directory })
  expect(await second.warehouse.rows(query('SELECT count() AS n FROM written'))).toEqual([{ n: '3000000' }])
})

test('without its credential it answers nothing but a ping', async () => {
  const { embedded } = await start()
  for (const authorization of ['', 'Basic ZGVmYXVsdDo=', `Bearer ${embedded.password}`]) {
    const response = await fetch(embedded.url, { method: 'POST', body: 'SELECT 1', headers: { authorization } })
    expect(response.status).toBe(401)
  }
  expect(await (await fetch(`${embedded.url}/ping`)).text()).toBe('Ok.\n')
})

test('its process sees none of our environment, and its credential is on no command line', async () => {
  const { embedded } = await start()
  const environment = readFileSync(`/proc/${embedded.pid}/environ`, 'utf8').split('\0').filter(Boolean)
  expect(
    environment.map((entry) => entry.split('=')[0]).filter((name) => !/^(TZ|UV_|NODE_CHANNEL)/.test(name!)),
  ).toEqual([])
  expect(readFileSync(`/proc/${embedded.pid}/cmdline`, 'utf8')).not.toContain(embedded.password)
})

test('a megabyte of parentheses is an error, and others are still answered', async () => {
  const { warehouse } = await start()
  const deep = errorOf(warehouse.rows(query(`SELECT ${'('.repeat(900_000)}`)))
  const began = Date.now()
  expect(await warehouse.rows(query('SELECT 1 AS v'))).toEqual([{ v: 1 }])
  expect(Date.now() - began).toBeLessThan(2000)
  expect(await deep).toMatchObject({ name: 'WarehouseError' })
  expect(await errorOf(warehouse.rows(query(`SELECT '${'x'.repeat(2_000_000)}'`)))).toMatchObject({ number: 36 })
})
