import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Product, startProduct } from '../support/product.ts'
import { ask, must, newKey, rows } from './ask.ts'

let product: Product
beforeAll(async () => {
  product = await startProduct()
})
afterAll(() => product?.stop())

interface Problem {
  readonly code: string
  readonly detail: string
  readonly hint: string
  readonly errors?: readonly { readonly pointer?: string }[]
}

const batchOf = (from: number, size: number): string =>
  Array.from({ length: size }, (_, at) => `{"time":"2026-10-11T10:00:00Z","n":${from + at}}`).join('\n')
const remove = <T = { deleted: number }>(stream: string, search: Readonly<Record<string, string>>, key = product.key) =>
  ask<T>(product, `/v1/streams/${stream}/rows?${new URLSearchParams(search).toString()}`, { method: 'DELETE', key })
const count = async (stream: string) =>
  (await rows(product, `SELECT count() AS total, min(n) AS least FROM ${stream}`))[0]

describe('deleting rows over HTTP', () => {
  test('counts, deletes, and is in the audit log', async () => {
    await must(product, '/v1/events/visits?wait=true', { body: batchOf(0, 100) })
    const where = 'n < {below:UInt32}'
    const dry = await remove('visits', { where, below: '40', dry_run: 'true' })
    expect([dry.status, dry.json]).toEqual([200, { deleted: 40 }])
    expect(await count('visits')).toEqual({ total: 100, least: 0 })
    const done = await remove('visits', { where, below: '40' })
    expect([done.status, done.json]).toEqual([200, { deleted: 40 }])
    expect(await count('visits')).toEqual({ total: 60, least: 40 })
    expect((await ask(product, '/v1/audit')).text).toContain('delete_rows')
  })

  test.each([
    ['no condition', {}, 'request.missing_parameter', 'where'],
    ['an empty condition', { where: ' ' }, 'request.missing_parameter', 'where'],
    [
      'a parameter that the condition does not have',
      { where: 'n = 1', dryrun: 'true' },
      'request.unknown_parameter',
      'dryrun',
    ],
    ['a parameter that is missing', { where: 'n = {n:UInt8}' }, 'request.missing_parameter', 'n'],
    ['a flag that is none', { where: 'n = 1', dry_run: 'yes' }, 'request.invalid', 'dry_run'],
  ])('%s is 400 and names it', async (_, search, code, pointer) => {
    const { status, json } = await remove<Problem>('visits', search)
    expect({ status, code: json.code, at: json.errors?.[0]?.pointer }).toEqual({ status: 400, code, at: pointer })
  })

  test('is refused to a viewer and to a key with filters', async () => {
    const viewer = await newKey(product, { scopes: ['streams:read', 'sql:read', 'endpoints:read'] })
    const filtered = await newKey(product, {
      scopes: ['streams:write', 'sql:read'],
      filters: { visits: { n: 50 } },
    })
    for (const { key } of [viewer, filtered]) {
      const { status, json } = await remove<Problem>('visits', { where: 'n = 50' }, key)
      expect([status, json.code]).toEqual([403, 'auth.scope'])
    }
    expect(await count('visits')).toEqual({ total: 60, least: 40 })
  })

  test('works from the command line', async () => {
    const run = async (...args: string[]) =>
      (
        await promisify(execFile)(process.execPath, ['core/cli/edgewise.js', 'rows', 'delete', 'visits', ...args], {
          env: { ...process.env, EDGEWISE_URL: product.url, EDGEWISE_KEY: product.key },
        })
      ).stdout
    expect(await run('--where', 'n < {n:UInt32}', '--param', 'n=42', '--dry-run')).toBe('2 rows match.\n')
    expect(await run('--where', 'n < {n:UInt32}', '--param', 'n=42', '--json')).toBe('{"deleted":2}\n')
    expect(await count('visits')).toEqual({ total: 58, least: 42 })
  })
})

describe('a core that is killed', () => {
  test('after a deletion does not bring the rows back', async () => {
    await must(product, '/v1/events/erased?wait=true', { body: batchOf(0, 500) })
    // Some are still on their way when the condition comes.
    await must(product, '/v1/events/erased', { body: batchOf(500, 500) })
    expect((await remove('erased', { where: 'n % 2 = 0' })).json).toEqual({ deleted: 500 })
    await product.killCore()
    await must(product, '/v1/events/erased?wait=true', { body: batchOf(1_001, 1) })
    expect(await count('erased')).toEqual({ total: 501, least: 1 })
  })

  test(
    'during a deletion leaves every other row, and the same again deletes what is left',
    { timeout: 120_000 },
    async () => {
      for (let from = 0; from < 200_000; from += 50_000)
        await must(product, '/v1/events/large?wait=true', { body: batchOf(from, 50_000) })
      const asked = remove('large', { where: 'n % 2 = 0' })
      await sleep(150)
      await product.killCore()
      await asked
      const again = await remove('large', { where: 'n % 2 = 0' })
      expect(again.status).toBe(200)
      // Nothing of it happened without an entry: the one that was cut short has its own.
      const { deleted } = again.json
      const search = '/v1/audit?action=delete_rows&resource=stream/large&order=oldest'
      const { data } = (await must<{ data: { detail: object }[] }>(product, search)).json
      const cutShort = { rows: 100_000, interrupted: true }
      expect(data.at(-1)?.detail).toMatchObject({ rows: deleted })
      if (deleted < 100_000 || data.length > 1)
        expect(data.map(({ detail }) => detail)).toMatchObject([cutShort, { rows: deleted }])
      expect(await count('large')).toEqual({ total: 100_000, least: 1 })
      await must(product, '/v1/events/large?wait=true', { body: batchOf(200_001, 1) })
      await product.killCore()
      expect(await count('large')).toEqual({ total: 100_001, least: 1 })
    },
  )
})
