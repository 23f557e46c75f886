import type { Deps } from './deps.ts'
import { anyPartition } from './identity.ts'

/** Makes rows of a workspace's `_predictions` durable, each the text of a JSON object. */
export async function appendPredictions(
  { log, streams }: Pick<Deps, 'log' | 'streams'>,
  workspace: string,
  rows: readonly string[],
): Promise<void> {
  const { topic, partitions } = await streams.system(workspace, '_predictions')
  const timestamp = Date.now()
  const records = rows.map((value) => ({ key: undefined, value, timestamp }))
  await log.append([{ topic, partition: anyPartition(partitions), records }])
}
