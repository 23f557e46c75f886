import type { Log, Position } from '../storage/log.ts'

/** The last record of each partition that has any. */
export async function endsOf(log: Log, topic: string): Promise<Position[]> {
  const ranges = await log.ranges(topic)
  return ranges
    .filter(({ start, end }) => end > start)
    .map(({ partition, end }) => ({ topic, partition, offset: end - 1 }))
}
