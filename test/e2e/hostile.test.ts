import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { processTree } from '../support/processes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { type Answered, ask, must, rows } from './ask.ts'

let product: Product

beforeAll(async () => {
  product = await startProduct()
  const row = (n: number) => `{"time":"2026-10-11T10:00:00Z","id":"o${n}","price":${n}}`
  const body = Array.from({ length: 20_000 }, (_, n) => row(n)).join('\n')
  await must(product, '/v1/events/orders?wait=true', { body })
  const made = await must<{ key: { key: string } }>(product, '/v1/workspaces', { json: { name: 'other' } })
  const theirs = { body: '{"time":"2026-10-11T10:00:00Z","id":"hidden"}', key: made.json.key.key }
  await must(product, '/v1/events/t?wait=true', theirs)
})
afterAll(() => product?.stop())

const sql = (query: string, more: object = {}): Promise<Answered<{ code: string }>> =>
  ask(product, '/v1/sql', { json: { query, ...more } })

async function stillAnswers(): Promise<void> {
  expect(await rows(product, 'SELECT count() AS n FROM orders')).toEqual([{ n: 20_000 }])
}

describe('SQL that means harm', () => {
  test.each([
    `SELECT file('/etc/hostname')`,
    `SELECT * APPLY(file) FROM (SELECT '/etc/hostname')`,
    `SELECT * FROM file('/etc/hostname', 'LineAsString')`,
    `SELECT * FROM s3('http://127.0.0.1:1/x.csv')`,
    `SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')`,
    `SELECT * FROM orders INTO OUTFILE '/tmp/edgewise-outfile'`,
    'SELECT * FROM system.tables',
    'SELECT * FROM system.processes',
    'SELECT * FROM other.t',
    `SELECT 'hidden' IN other.t`,
    `SELECT joinGet('other.t', 'id', 'hidden')`,
    `SELECT * FROM merge('other', '.*')`,
    'SELECT * FROM orders SETTINGS max_threads = 64',
    'SELECT * FROM (SELECT * FROM orders SETTINGS max_memory_usage = 0)',
    'SELECT 1; SELECT 2',
    'SELECT 1; DROP TABLE orders',
    'DROP TABLE orders',
    `INSERT INTO orders VALUES ('2026-10-11 10:00:00', 'x', 1)`,
    'SET max_memory_usage = 0',
    'SYSTEM SHUTDOWN',
  ])('is refused: %s', async (query) => {
    const { status, json, text } = await sql(query)
    expect([400, 403], text).toContain(status)
    expect(json.code).toMatch(/^query\.(not_allowed|unknown_table|unknown_function|syntax)$/)
    expect(text).not.toContain('hidden"')
    await stillAnswers()
  })

  test.each(['other.t', 't', 'system.tables'])('cannot name a table by a parameter: %s', async (t) => {
    const { status, text } = await sql('SELECT * FROM {t:Identifier}', { params: { t } })
    expect([400, 403], text).toContain(status)
    await stillAnswers()
  })

  test.each([
    ['10 MB', 10 * 1024 ** 2, 413],
    ['100 kB', 100_000, 422],
  ])('%s of nested parentheses are refused', async (_, bytes, status) => {
    const depth = Math.floor(bytes / 2)
    const answer = await sql(`SELECT ${'('.repeat(depth)}1${')'.repeat(depth)}`)
    expect(answer.status, answer.text.slice(0, 500)).toBe(status)
    await stillAnswers()
  })

  test('a cross join of everything ends at its limit, and others are answered meanwhile', async () => {
    const query =
      'SELECT count(), max(a.price * b.price + c.price) FROM orders AS a, orders AS b, orders AS c WHERE a.id != b.id'
    const began = Date.now()
    const expensive = sql(query, { timeout_ms: 4_000 })
    let answered = 0
    let slowest = 0
    const over = new AbortController()
    void expensive.then(() => over.abort())
    while (!over.signal.aborted && Date.now() - began < 20_000) {
      const before = Date.now()
      await stillAnswers()
      slowest = Math.max(slowest, Date.now() - before)
      answered++
    }
    const { status, json } = await expensive
    expect([422, 504]).toContain(status)
    expect(json.code).toMatch(/^(query\.(timeout|too_expensive)|limit\.deadline)$/)
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(answered).toBeGreaterThan(3)
    expect(slowest).toBeLessThan(3_000)
  })

  test('a crash of the warehouse’s process is survived: the rows are there, and more get in', async () => {
    const warehouse = processTree(product.corePid()).find(({ command }) =>
      command.some((word) => /chdb\/server\.[jt]s$/.test(word)),
    )
    // Only Linux tells who is whose child.
    if (warehouse === undefined) return
    process.kill(warehouse.pid, 'SIGKILL')
    const accepted = await ask(product, '/v1/events/orders', {
      body: '{"time":"2026-10-11T10:00:00Z","id":"after","price":1}',
    })
    expect(accepted.status).toBe(202)
    const count = async () => (await sql('SELECT count() AS n FROM orders')).text.match(/"n": ?(\d+)/)?.[1]
    await expect.poll(count, { timeout: 20_000, interval: 200 }).toBe('20001')
  })
})
