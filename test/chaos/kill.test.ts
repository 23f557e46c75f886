import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { Format, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { type RunningCore, startCore } from '../support/core.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { createRandom } from '../../core/model/random.ts'

/** How often the core is killed: a few times here, and 50 times where there is time for it. */
const rounds = Number(process.env['CHAOS_ROUNDS'] ?? 4)
const seed = Number(process.env['CHAOS_SEED'] ?? 1)
const senders = 3
/** Past 2^53: no number of JavaScript between its neighbours. */
const big = 9_007_199_254_740_993n

interface Batch {
  readonly key: string
  readonly from: number
  readonly rows: number
}

test(
  `killed ${rounds} times during a load, the core has every acknowledged row once`,
  { timeout: 60_000 + rounds * 15_000 },
  async () => {
    const directory = temporaryDirectory()
    const random = createRandom(seed)
    let core: RunningCore | undefined
    let key = ''
    let rows = 0
    let acknowledged = 0
    let unanswered: Batch[] = []
    try {
      for (let round = 0; round <= rounds; round++) {
        core = await startCore(directory.path)
        key = core.adminKey ?? key
        using ingest = connectGrpc(IngestService, { address: core.grpc, credential: key })
        const write = async (batch: Batch, wait = false): Promise<void> => {
          const answer = await ingest.writeEvents(
            {
              stream: 'load',
              body: Buffer.from(textOf(batch)),
              contentType: 'application/x-ndjson',
              idempotencyKey: batch.key,
              wait,
            },
            { timeoutMs: 30_000 },
          )
          expect(answer).toMatchObject({ accepted: batch.rows, quarantined: 0 })
          acknowledged += batch.rows
        }
        const next = (size: number): Batch => {
          const batch = { key: `batch-${rows}`, from: rows, rows: size }
          rows += size
          return batch
        }
        if (round === 0) await write(next(10), true)

        // What was not answered may or may not be there: its sender sends it again, under the same key.
        const again = unanswered
        unanswered = []
        const last = round === rounds
        const most = Math.ceil(random() * 3_000)
        const dead = new AbortController()
        const load = Array.from({ length: senders }, async () => {
          while (!dead.signal.aborted) {
            const batch = again.shift() ?? (last ? undefined : next(1 + Math.floor(random() * most)))
            if (batch === undefined) return
            try {
              await write(batch)
            } catch (error) {
              if (!dead.signal.aborted) throw error
              unanswered.push(batch)
            }
          }
        })
        if (!last) {
          await sleep(random() * 1_500)
          dead.abort()
          await core.kill()
        }
        await Promise.all(load)
        if (last) await write(next(1), true)
      }

      expect(unanswered).toEqual([])
      expect(acknowledged).toBe(rows)
      if (core === undefined) return
      await settled(core, key)
      const [found] = await ask<Record<string, string>>(
        core,
        key,
        `SELECT toString(count()) AS rows, toString(uniqExact(n)) AS different, toString(max(n)) AS last,
          toString(countIf(big != toInt64('${big}') + n)) AS inexact, toString(uniqExact(toYYYYMM(time))) AS months FROM load`,
      )
      expect(found).toEqual({
        rows: String(rows),
        different: String(rows),
        last: String(rows - 1),
        inexact: '0',
        months: '2',
      })
    } finally {
      await core?.stop()
      directory.remove()
    }
  },
)

/** Rows alternate between two months, so between two partitions of the table. */
function textOf({ from, rows }: Batch): string {
  return Array.from({ length: rows }, (_, at) => {
    const n = from + at
    return `{"time":"2026-${n % 2 === 0 ? '09' : '10'}-11T10:00:00Z","n":${n},"big":${big + BigInt(n)}}`
  }).join('\n')
}

/** Until nothing of the log is left to be taken into the table. */
async function settled(core: RunningCore, credential: string): Promise<void> {
  using ingest = connectGrpc(IngestService, { address: core.grpc, credential })
  const lag = async () => Number((await ingest.getStream({ name: 'load' })).statistics?.lag)
  await expect.poll(lag, { timeout: 30_000, interval: 100 }).toBe(0)
}

async function ask<T>(core: RunningCore, credential: string, sql: string): Promise<readonly T[]> {
  using query = connectGrpc(QueryService, { address: core.grpc, credential })
  let text = ''
  for await (const { piece } of query.runSql({ sql, format: Format.NDJSON })) {
    if (piece.case === 'body') text += Buffer.from(piece.value).toString()
  }
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}
