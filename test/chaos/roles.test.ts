import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, must, type Row, rows } from '../e2e/ask.ts'
import { type Kafka, kafkaLibraries, startKafka } from '../support/servers/kafka.ts'
import { findPostgres, type Postgres, startPostgres } from '../support/servers/postgres.ts'
import { type Split, startSplit } from '../support/split.ts'

const programs = findPostgres()
const libraries = kafkaLibraries()
const batchRows = 20
const loadMs = 1_500
/** Nothing but "not now": the caller sends it again. */
const notNow = new Set([0, 503, 504])

const processes = ['edge', 'identity', 'ingest', 'query', 'model', 'warehouse'] as const
const victims = [...processes, 'PostgreSQL', 'Kafka'] as const

describe.skipIf(programs === undefined || libraries === undefined)(
  'roles and engines killed in turn under load',
  () => {
    let database: Postgres
    let broker: Kafka
    let split: Split
    beforeAll(async () => {
      ;[database, broker] = await Promise.all([
        startPostgres(programs ?? ''),
        startKafka({ libraries: libraries ?? '' }),
      ])
      split = await startSplit({ kafka: `kafka://127.0.0.1:${broker.port}`, databaseUrl: database.url() })
    }, 180_000)
    afterAll(async () => {
      await split?.stop()
      await Promise.all([database?.stop(), broker?.stop()])
    })

    async function kill(victim: (typeof victims)[number]): Promise<void> {
      if (victim === 'PostgreSQL') {
        await database.kill()
        await sleep(2_000)
        return database.restart()
      }
      if (victim === 'Kafka') {
        await broker.kill()
        await sleep(2_000)
        return broker.restart()
      }
      return split.kill(victim)
    }

    test(
      'it recovers by itself, has every acknowledged event once and every acknowledged key, and says nothing but "not now"',
      { timeout: 1_200_000 },
      async () => {
        const done = new AbortController()
        const sent: number[] = []
        const keys: string[] = []
        const seen = new Map<string, Map<number, number>>()
        let victim = 'nobody'
        let next = 0

        await must(split, '/v1/events/load?wait=true', { body: batchOf(next++) })
        await must(split, '/v1/queries/counted', { method: 'PUT', json: { sql: 'SELECT count() AS n FROM load' } })
        sent.push(0)

        /** What a caller is told; 0 where nobody answers. */
        async function told(what: string, path: string, asked: Parameters<typeof ask>[2] = {}) {
          const { status, json } = await ask<Row>(split, path, asked).catch(() => ({ status: 0, json: {} as Row }))
          const statuses = seen.get(`${victim}: ${what}`) ?? new Map<number, number>()
          seen.set(`${victim}: ${what}`, statuses.set(status, (statuses.get(status) ?? 0) + 1))
          return { status, json }
        }
        async function writing(): Promise<void> {
          while (!done.signal.aborted) {
            const batch = next++
            const headers = { 'idempotency-key': `batch ${batch}` }
            for (;;) {
              const { status } = await told('events', '/v1/events/load', { body: batchOf(batch), headers })
              if (status === 202) break
              expect([victim, notNow.has(status), status]).toEqual([victim, true, status])
              await sleep(50)
            }
            sent.push(batch)
          }
        }
        async function making(): Promise<void> {
          while (!done.signal.aborted) {
            const made = await told('keys', '/v1/keys', { json: { name: 'load', scopes: ['sql:read'] } })
            if (made.status === 201) keys.push((made.json as { readonly id: string }).id)
            else expect([victim, notNow.has(made.status), made.status]).toEqual([victim, true, made.status])
            await sleep(100)
          }
        }
        async function reading(what: string, path: string, asked?: Parameters<typeof ask>[2]): Promise<void> {
          while (!done.signal.aborted) {
            const { status } = await told(what, path, asked)
            expect([victim, status === 200 || notNow.has(status), status]).toEqual([victim, true, status])
            await sleep(100)
          }
        }

        const load = Promise.all([
          writing(),
          writing(),
          making(),
          reading('endpoint', '/v1/endpoints/counted.json'),
          reading('models', '/v1/sql', { json: { query: 'SHOW MODELS' } }),
        ])
        load.catch(() => done.abort())
        try {
          for (victim of victims) {
            await sleep(loadMs)
            await kill(victim as (typeof victims)[number])
            await split.ready()
            await sleep(loadMs)
          }
        } finally {
          done.abort()
        }
        await load
        console.log(tableOf(seen))

        const total = sent.length * batchRows
        const found = async () => (await rows(split, 'SELECT count() AS total, uniqExact(n) AS different FROM load'))[0]
        await expect.poll(found, { timeout: 60_000, interval: 500 }).toEqual({ total, different: total })
        const known = await keysOf(split)
        expect(keys.filter((id) => !known.has(id))).toEqual([])
        expect(keys.length).toBeGreaterThan(20)
        const restarts = split.restarts()
        expect(processes.filter((part) => part !== 'edge' && (restarts[part] ?? 0) === 0)).toEqual([])
      },
    )
  },
)

function batchOf(batch: number): string {
  return Array.from({ length: batchRows }, (_, at) => `{"n":${batch * batchRows + at}}`).join('\n')
}

async function keysOf(split: Split): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let cursor: string | null = ''; cursor !== null;) {
    const path: string = `/v1/keys?limit=1000${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
    const { json } = await must<{ data: { id: string }[]; next_cursor: string | null }>(split, path)
    for (const { id } of json.data) found.add(id)
    cursor = json.next_cursor
  }
  return found
}

/** What callers saw while each was killed. */
function tableOf(seen: ReadonlyMap<string, ReadonlyMap<number, number>>): string {
  return [...seen]
    .map(
      ([what, statuses]) =>
        `${what}: ${[...statuses].map(([status, n]) => `${n} × ${status || 'no answer'}`).join(', ')}`,
    )
    .join('\n')
}
