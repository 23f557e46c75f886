import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { Format, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { type RunningCore, startCore } from '../support/core.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { smallDisk } from '../support/optional.ts'

const mount = smallDisk()
const MiB = 1024 ** 2
/** A core does not start with less than 256 MiB; most of it goes to the ballast. */
const diskMiB = 448
const leftMiB = 24
const rowsOfBatch = 2_000

test.skipIf(mount === undefined)(
  'a disk that is full refuses events and keeps every acknowledged one; with room again it goes on by itself',
  { timeout: 180_000 },
  async () => {
    const directory = temporaryDirectory()
    const disk = mount?.(directory.path, diskMiB)
    let core: RunningCore | undefined
    try {
      core = await startCore(directory.path, { WAREHOUSE_MEMORY_BYTES: String(512 * MiB) })
      const credential = core.adminKey ?? ''
      using ingest = connectGrpc(IngestService, { address: core.grpc, credential })
      let acknowledged = 0
      /** The failure that it ends in, if it does. Every batch goes on where the acknowledged rows end. */
      const write = async (wait = false): Promise<Failure | undefined> => {
        const body = Buffer.from(textOf(acknowledged))
        try {
          const answer = await ingest.writeEvents({
            stream: 'load',
            body,
            contentType: 'application/x-ndjson',
            wait,
          })
          expect(answer).toMatchObject({ accepted: rowsOfBatch, quarantined: 0 })
          acknowledged += rowsOfBatch
          return undefined
        } catch (thrown) {
          if (thrown instanceof Failure) return thrown
          throw thrown
        }
      }
      expect(await write(true)).toBeUndefined()

      const ballast = join(directory.path, 'ballast')
      fill(ballast, directory.path, leftMiB * MiB)
      let refusal: Failure | undefined
      for (let batch = 0; refusal === undefined && batch < 500; batch++) refusal = await write()
      expect(refusal).toMatchObject({ problem: 'limit.disk_full', status: 503, retryable: true })
      expect(refusal?.retryAfterMs).toBeGreaterThan(0)
      // Not one failure and then chaos: it stays as it is, whatever the sink does with what it has.
      for (let at = 0; at < 5; at++) {
        await sleep(500)
        const again = await write()
        if (again !== undefined) expect(again).toMatchObject({ problem: 'limit.disk_full' })
        const [seen] = await ask(core, credential, 'SELECT count() AS rows, uniqExact(n) AS different FROM load')
        expect(seen?.['rows']).toBe(seen?.['different'])
        expect(Number(seen?.['rows'])).toBeGreaterThanOrEqual(rowsOfBatch)
        expect(Number(seen?.['rows'])).toBeLessThanOrEqual(acknowledged)
      }

      rmSync(ballast)
      await expect.poll(() => write(), { timeout: 30_000, interval: 200 }).toBeUndefined()
      const lag = async () => Number((await ingest.getStream({ name: 'load' })).statistics?.lag)
      await expect.poll(lag, { timeout: 60_000, interval: 200 }).toBe(0)
      const sql = 'SELECT count() AS rows, uniqExact(n) AS different, max(n) AS last FROM load'
      expect(await ask(core, credential, sql)).toEqual([
        { rows: acknowledged, different: acknowledged, last: acknowledged - 1 },
      ])
      // The same process all the time.
      expect(() => process.kill(core?.pid ?? 0, 0)).not.toThrow()
    } finally {
      await core?.stop()
      disk?.unmount()
      directory.remove()
    }
  },
)

function textOf(from: number): string {
  return Array.from({ length: rowsOfBatch }, (_, at) => {
    // What does not compress, so that the warehouse fills too.
    const noise = Math.random().toString(36).slice(2).repeat(8)
    return `{"time":"2026-10-11T10:00:00Z","n":${from + at},"noise":"${noise}"}`
  }).join('\n')
}

/** Writes zeros until only so much is left. */
function fill(file: string, directory: string, leftBytes: number): void {
  const { bavail, bsize } = statfsSync(directory)
  const zeros = Buffer.alloc(MiB)
  const fd = openSync(file, 'w')
  for (let left = bavail * bsize; left > leftBytes; left -= MiB) writeSync(fd, zeros)
  closeSync(fd)
}

async function ask(core: RunningCore, credential: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  using query = connectGrpc(QueryService, { address: core.grpc, credential })
  let text = ''
  for await (const { piece } of query.runSql({ sql, format: Format.NDJSON })) {
    if (piece.case === 'body') text += Buffer.from(piece.value).toString()
  }
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
