import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { edgewise } from '../core/cli/command-line.ts'
import { type Answered, ask, must, type NewKey, rows } from '../e2e/ask.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { processTree } from '../support/processes.ts'
import { type Product, startProduct } from '../support/product.ts'
import { createRandom } from '../../core/model/random.ts'

/**
 * The program as a user starts it, killed at moments that a seed decides, while events, publishes and key changes are
 * under way, each of them with its entry in the audit log. What is killed is in turn everything, the core, the warehouse.
 * After each: nothing that was acknowledged is lost or there twice, the audit chain holds, and half of nothing is to be
 * seen.
 *
 * A few moments here; two hundred, in about half an hour, by
 *
 *     KILLS=200 SEED=1 npx vitest run --config test/vitest.config.ts test/chaos/moments.test.ts
 */
const kills = Number(process.env['KILLS'] ?? 6)
const seed = Number(process.env['SEED'] ?? 1)
const victims = ['everything', 'core', 'warehouse'] as const
const queries = ['first', 'second'] as const
/** Long enough to be on several pages of the store. */
const filling = 'x'.repeat(20_000)

interface Batch {
  readonly id: number
  readonly size: number
}

interface Published {
  readonly query: string
  readonly version: number
  readonly serial: number
}

/** What came of it since the last moment: what was answered, and what was asked and never answered. */
interface Since {
  readonly batches: Batch[]
  readonly unansweredBatches: Batch[]
  readonly published: Published[]
  readonly live: NewKey[]
  readonly ended: NewKey[]
  /** As entries of the audit log. */
  readonly changes: string[]
  readonly unanswered: Set<string>
}

interface Entry {
  readonly seq: number
  readonly action: string
  readonly resource: string
  readonly detail: { readonly version?: number; readonly by?: string }
}

const random = createRandom(seed)
const directory = temporaryDirectory()
const data = join(directory.path, 'data')
let product: Product | undefined
afterAll(async () => {
  await product?.stop()
  directory.remove()
})

test(
  `killed at ${kills} moments of seed ${seed}, it loses nothing, doubles nothing, and shows half of nothing`,
  { timeout: 120_000 + kills * 40_000 },
  async () => {
    const count = { events: 0, batches: 0, published: 0, changes: 0, unanswered: 0, foundUnanswered: 0 }
    const everyKey = new Set<string>()
    const endedKeys = new Set<string>()
    const serials: Record<string, number> = {}
    const versions: Record<string, number> = {}
    let batches = 0
    let again: Batch[] = []
    let seq = 0
    let head: string | undefined

    let running = await startProduct({ data })
    product = running
    await must(running, '/v1/streams/load', {
      method: 'PUT',
      json: {
        columns: [
          { name: 'event', type: 'String' },
          { name: 'time', type: 'DateTime64(3)' },
          { name: 'batch', type: 'UInt64' },
        ],
        order_by: ['batch'],
        id: 'event',
      },
    })
    ;({ seq } = (await entriesAfter(running, 0)).at(-1) ?? { seq })

    for (let moment = 0; moment < kills; moment++) {
      const at = `moment ${moment} of seed ${seed}`
      const since: Since = {
        batches: [],
        unansweredBatches: [],
        published: [],
        live: [],
        ended: [],
        changes: [],
        unanswered: new Set(),
      }
      const dead = new AbortController()
      /** One that is not answered is one that may have happened, and only the kill is a reason for it. */
      const attempt = async <T>(
        path: string,
        asked: Parameters<typeof ask>[2],
        lost: () => unknown,
      ): Promise<Answered<T> | undefined> => {
        let answer: Answered<T> | undefined
        try {
          answer = await ask<T>(running, path, { ...asked, headers: { connection: 'close' } })
        } catch (error) {
          if (!dead.signal.aborted) throw error
        }
        if (answer !== undefined && answer.status < 300) return answer
        if (answer !== undefined && (answer.status < 500 || !dead.signal.aborted))
          throw new Error(`${at}: ${path}: ${answer.status} ${answer.text}`)
        lost()
        return undefined
      }

      const send = async (): Promise<void> => {
        const batch = again.shift() ?? { id: batches++, size: 1 + Math.floor(random() * 400) }
        const lost = () => since.unansweredBatches.push(batch)
        const answer = await attempt<{ accepted: number }>('/v1/events/load', { body: textOf(batch) }, lost)
        if (answer === undefined) return
        expect(answer.json.accepted, at).toBe(batch.size)
        since.batches.push(batch)
      }
      const publish = (query: string) => async (): Promise<void> => {
        const serial = (serials[query] = (serials[query] ?? 0) + 1)
        const sql = `SELECT ${serial} AS serial, '${filling}${serial}' AS text`
        const lost = () => since.unanswered.add(`put_query query/${query}`)
        const answer = await attempt<Published>(`/v1/queries/${query}`, { method: 'PUT', json: { sql } }, lost)
        if (answer === undefined) return
        const { version } = answer.json
        since.published.push({ query, version, serial })
        since.changes.push(`put_query query/${query} ${version}`)
        await sleep(random() * 60)
      }
      const turnKeys = async (): Promise<void> => {
        const fate = random()
        const json = { name: 'kills', scopes: ['sql:read'] }
        const made = await attempt<NewKey>('/v1/keys', { json }, () => since.unanswered.add('create_key'))
        if (made === undefined) return
        const { id } = made.json
        since.changes.push(`create_key key/${id}`)
        everyKey.add(id)
        if (fate < 0.4) since.live.push(made.json)
        else if (fate < 0.7) {
          const lost = () => since.unanswered.add(`revoke_key key/${id}`)
          if ((await attempt(`/v1/keys/${id}`, { method: 'DELETE' }, lost)) === undefined) return
          since.changes.push(`revoke_key key/${id}`)
          since.ended.push(made.json)
        } else {
          const lost = () => since.unanswered.add(`reroll_key key/${id}`)
          const next = await attempt<NewKey>(`/v1/keys/${id}/reroll`, { json: { grace_s: 0 } }, lost)
          if (next === undefined) return
          since.changes.push(`reroll_key key/${id}`)
          since.ended.push(made.json)
          since.live.push(next.json)
        }
        await sleep(random() * 30)
      }
      const load = [send, send, ...queries.map(publish), turnKeys, turnKeys].map(async (work) => {
        while (!dead.signal.aborted) await work()
      })
      const moments = Promise.all(load)
      await Promise.race([sleep(100 + random() * 1_400), moments])
      dead.abort()
      running = product = await killed(running, victims[moment % victims.length] ?? 'everything')
      await moments
      again = [...since.unansweredBatches]

      // Events: each acknowledged one once; of a batch without an answer all or none.
      await settled(running)
      const found = new Map(
        (
          await rows<{ batch: number; n: number; different: number }>(
            running,
            `SELECT batch, count() AS n, uniqExact(event) AS different FROM load
             WHERE batch >= ${Math.min(batches, ...since.batches.map(({ id }) => id), ...again.map(({ id }) => id))} GROUP BY batch`,
          )
        ).map((row) => [row.batch, [row.n, row.different]]),
      )
      for (const { id, size } of since.batches) expect([id, ...(found.get(id) ?? [])], at).toEqual([id, size, size])
      for (const { id, size } of again) {
        const [n = 0, different = 0] = found.get(id) ?? []
        expect([0, size], `${at}: half of batch ${id}`).toContain(n)
        expect(different, at).toBe(n)
        if (n > 0) count.foundUnanswered++
      }

      // The audit log: an entry for each change that was acknowledged, and for no other that was not asked for.
      const entries = await entriesAfter(running, seq)
      seq = entries.at(-1)?.seq ?? seq
      const said = entries.map(({ action, resource, detail }) =>
        action === 'put_query' ? `${action} ${resource} ${detail.version}` : `${action} ${resource}`,
      )
      expect(new Set(said).size, at).toBe(said.length)
      expect(
        since.changes.filter((change) => !said.includes(change)),
        at,
      ).toEqual([])
      const acknowledged = new Set(since.changes)
      for (const [n, text] of said.entries()) {
        const { action, resource, detail } = entries[n] as Entry
        if (action === 'create_key') everyKey.add(resource)
        if (action === 'revoke_key' || action === 'reroll_key') endedKeys.add(resource)
        if (action === 'reroll_key') everyKey.add(`key/${detail.by}`)
        if (acknowledged.has(text)) continue
        const asked = action === 'create_key' ? action : `${action} ${resource}`
        expect(since.unanswered, `${at}: ${text}`).toContain(asked)
        count.foundUnanswered++
      }
      const remembered = head === undefined ? [] : ['--head', head]
      const verified = await edgewise(data, ['audit', 'verify', '--url', running.url, ...remembered])
      expect(verified, at).toMatchObject({ code: 0 })
      head = /--head (\S+)/.exec(verified.out)?.[1]

      // Publishes: every version is whole, and the newest is the live one.
      for (const query of queries) {
        const mine = new Map(
          since.published.filter((one) => one.query === query).map((one) => [one.version, one.serial]),
        )
        const before = versions[query] ?? 0
        const newest = Math.max(before, ...said.flatMap((text) => numberAfter(text, `put_query query/${query} `)))
        expect(
          [...mine.keys()].filter((version) => version > newest),
          at,
        ).toEqual([])
        for (let version = before + 1; version <= newest; version++) {
          const answer = await must<{ data: { serial: number; text: string }[] }>(
            running,
            `/v1/endpoints/${query}.json?version=${version}`,
          )
          const [{ serial, text } = { serial: 0, text: '' }] = answer.json.data
          expect(text, at).toBe(`${filling}${serial}`)
          expect([version, serial], at).toEqual([version, mine.get(version) ?? serial])
        }
        if (newest > 0) expect((await must<Published>(running, `/v1/queries/${query}`)).json.version, at).toBe(newest)
        versions[query] = newest
      }

      // Keys: what was given opens, what was taken does not.
      const opens = async ({ key }: NewKey) => (await ask(running, '/v1/sql?q=SELECT%201', { key })).status
      for (const key of since.live.slice(-8)) expect(await opens(key), `${at}: ${key.id}`).toBe(200)
      for (const key of since.ended.slice(-8)) {
        await expect.poll(() => opens(key), { timeout: 8_000, message: `${at}: ${key.id}` }).toBe(401)
      }

      count.events += since.batches.reduce((sum, { size }) => sum + size, 0)
      count.batches += since.batches.length
      count.published += since.published.length
      count.changes += since.changes.length
      count.unanswered += since.unanswered.size + again.length
    }

    // What was never answered is sent once more, and then everything is there once.
    for (const batch of again) {
      await must(running, '/v1/events/load', { body: textOf(batch) })
      count.events += batch.size
    }
    await settled(running)
    const [total] = await rows<object>(running, 'SELECT count() AS n, uniqExact(event) AS different FROM load')
    expect(total).toEqual({ n: count.events, different: count.events })
    const keys = (await everyPage<{ id: string; name: string; revoked_at?: string }>(running, '/v1/keys')).filter(
      ({ name }) => name === 'kills',
    )
    const known = new Set([...everyKey].map((id) => id.replace('key/', '')))
    expect(new Set(keys.map(({ id }) => id))).toEqual(known)
    await running.stop()
    // No draft of a file, and no part of a table that was never finished.
    const left = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /(^|\/)(tmp_|.*\.(new|tmp|draft|partial)$|credentials\.json\.)/.test(path),
    )
    expect(left).toEqual([])
    process.stdout.write(
      `${JSON.stringify({ kills, seed, ...count, keys: keys.length, ended: endedKeys.size, entries: seq })}\n`,
    )
  },
)

/** Ends it as `kill -9` does, and answers once what takes its place works. */
async function killed(product: Product, victim: (typeof victims)[number]): Promise<Product> {
  let next = product
  if (victim === 'everything') {
    kill(processTree(product.pid).map(({ pid }) => pid))
    next = await startProduct({ data })
  } else if (victim === 'core') await product.killCore()
  else
    kill(
      processTree(product.corePid())
        .slice(1)
        .map(({ pid }) => pid),
    )
  const works = async (): Promise<number> => (await ask(next, '/v1/sql?q=SELECT%201')).status
  await expect.poll(works, { timeout: 30_000, interval: 50, message: victim }).toBe(200)
  return next
}

function kill(pids: readonly number[]): void {
  expect(pids.length).toBeGreaterThan(0)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended with the one before.
    }
  }
}

function textOf({ id, size }: Batch): string {
  return Array.from({ length: size }, (_, at) =>
    JSON.stringify({ event: `${id}-${at}`, time: '2026-10-11T10:00:00Z', batch: id }),
  ).join('\n')
}

async function settled(product: Product): Promise<void> {
  const lag = async () => (await must<{ statistics: { lag: number } }>(product, '/v1/streams/load')).json.statistics.lag
  await expect.poll(lag, { timeout: 30_000, interval: 50 }).toBe(0)
}

function entriesAfter(product: Product, seq: number): Promise<readonly Entry[]> {
  return everyPage<Entry>(product, '/v1/audit?order=oldest&outcome=done', seq === 0 ? undefined : String(seq))
}

async function everyPage<T>(product: Product, path: string, from?: string): Promise<readonly T[]> {
  const found: T[] = []
  for (let cursor: string | null | undefined = from; cursor !== null;) {
    const place: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const { json } = await must<{ data: readonly T[]; next_cursor: string | null }>(
      product,
      `${path}${path.includes('?') ? '&' : '?'}limit=1000${place}`,
    )
    found.push(...json.data)
    cursor = json.next_cursor
  }
  return found
}

function numberAfter(text: string, prefix: string): readonly number[] {
  return text.startsWith(prefix) ? [Number(text.slice(prefix.length))] : []
}
