import type { Deps } from './deps.ts'
import { idDigest, partitionOf } from './identity.ts'
import { gatherAppends } from './append.ts'

/** A point of a series that is out of the ordinary, and the model that says so. */
export interface AlarmEvent {
  readonly model: string
  readonly version: number
  readonly series: Readonly<Record<string, string>>
  readonly timeMs: number
  readonly value: number
  readonly expected: number
  readonly low: number
  readonly high: number
  readonly score: number
}

/** Alarms as events of `_alarms`, which is there after this. A point's is one event, however often it is written. */
export async function writeAlarms(
  { log, streams }: Pick<Deps, 'log' | 'streams'>,
  workspace: string,
  alarms: readonly AlarmEvent[],
): Promise<void> {
  const { topic, partitions } = await streams.system(workspace, '_alarms')
  const timestamp = Date.now()
  const gathered = gatherAppends()
  for (const { model, version, series, timeMs, ...said } of alarms) {
    const key = idDigest(topic, JSON.stringify([model, Object.entries(series), timeMs]))
    const [time, noticed_at] = [timeMs, timestamp].map((ms) => new Date(ms).toISOString())
    const row = { time, model, version, series, ...said, noticed_at }
    gathered.add(topic, partitionOf(key, partitions), { key, value: JSON.stringify(row), timestamp })
  }
  const appends = gathered.appends()
  if (appends.length > 0) await log.append(appends)
}
