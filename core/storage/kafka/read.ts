import { type Admin, fetchV12 } from '@platformatic/kafka'
import type { StoredRecord } from '../log.ts'
import { leaderOf, patiently, says } from './client.ts'
import { rangesOf } from './topics.ts'

/** Asked for at once: decoding it holds up the process, so it is not much. */
const fetchBytes = 1024 * 1024

export interface Bounds {
  readonly maxRecords: number
  readonly maxBytes: number
}

/** Reads a partition from an offset on, up to its end or a bound. `name` is the topic's in Kafka. */
export async function readRecords(
  admin: Admin,
  name: string,
  partition: number,
  from: number,
  { maxRecords, maxBytes }: Bounds,
): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = []
  let bytes = 0
  for (let next = from; ;) {
    const fetched = await fetchSome(admin, name, partition, next)
    if (fetched === undefined) {
      // What was there is gone, or nothing is there yet.
      const { start = 0 } = (await rangesOf(admin, name))[partition] ?? {}
      if (start <= next) return records
      next = start
      continue
    }
    const { found, end } = fetched
    for (const record of found) {
      bytes += record.value.length
      if (records.length === maxRecords || (records.length > 0 && bytes > maxBytes)) return records
      records.push(record)
    }
    next = (found.at(-1)?.offset ?? next) + 1
    if (found.length === 0 || next >= end) return records
  }
}

/** What one fetch brings from `from` on, and where the partition ends; undefined where it does not reach so far. */
async function fetchSome(admin: Admin, name: string, partition: number, from: number) {
  try {
    const { responses } = await patiently(admin, async () => {
      const connection = await leaderOf(admin, name, partition)
      // The version of names, not ids; at once, uncommitted (nobody here writes in transactions), without a session.
      return fetchV12.api.async(connection, 0, 0, fetchBytes, 0, 0, -1, [placeOf(name, partition, from)], [], '')
    })
    const answer = responses[0]?.partitions[0]
    const batches = answer?.records ?? []
    const found = batches.flatMap(({ firstOffset, firstTimestamp, records }) =>
      records.map(({ offsetDelta, timestampDelta, key, value, headers }): StoredRecord => ({
        offset: Number(firstOffset) + offsetDelta,
        key: key === null ? undefined : Uint8Array.from(key),
        value: value === null ? '' : value.toString(),
        timestamp: Number(firstTimestamp + timestampDelta),
        ...(headers.length > 0 && {
          headers: headers.map(([name, text]) => ({ key: String(name), value: String(text ?? '') })),
        }),
      })),
    )
    // A batch is answered whole, also where it begins before.
    return { found: found.filter(({ offset }) => offset >= from), end: Number(answer?.highWatermark ?? 0) }
  } catch (error) {
    if (says(error, 'OFFSET_OUT_OF_RANGE')) return undefined
    throw error
  }
}

function placeOf(name: string, partition: number, from: number) {
  const place = { partition, currentLeaderEpoch: -1, fetchOffset: BigInt(from), lastFetchedEpoch: -1 }
  return { topicId: name, partitions: [{ ...place, partitionMaxBytes: fetchBytes }] }
}
