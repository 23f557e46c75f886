import type { SystemStream } from '../stream/index.ts'
import { gatherAppends } from './append.ts'
import type { Deps } from './deps.ts'
import { idDigest, partitionOf } from './identity.ts'

/** A change of something that another store keeps. */
export interface ChangeEvent {
  /** The same for the same change, however often it is written. */
  readonly identity: string
  /** By column. */
  readonly row: Readonly<Record<string, unknown>>
}

/** Changes as events of one of the system's own streams, in their order, which is there after this. */
export async function writeChanges(
  { log, streams }: Pick<Deps, 'log'> & { readonly streams: Pick<Deps['streams'], 'system'> },
  workspace: string,
  stream: SystemStream,
  changes: readonly ChangeEvent[],
): Promise<void> {
  const { topic, partitions } = await streams.system(workspace, stream)
  const timestamp = Date.now()
  const gathered = gatherAppends()
  for (const { identity, row } of changes) {
    const key = idDigest(topic, identity)
    gathered.add(topic, partitionOf(key, partitions), { key, value: JSON.stringify(row), timestamp })
  }
  const appends = gathered.appends()
  if (appends.length > 0) await log.append(appends)
}
