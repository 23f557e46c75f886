import type { IngestOptions } from './deps.ts'
import { readyStreams } from './store.ts'

/** Gives streams that were made before there were masks theirs. Nothing may change a stream meanwhile. */
export async function maskStreams({ db, stream: { tables } }: Pick<IngestOptions, 'db' | 'stream'>): Promise<void> {
  const masked = await tables.masked()
  for (const { workspace, name, columns } of await readyStreams(db)) {
    if (masked.has(`${workspace}.${name}`)) continue
    await tables.createDatabase(workspace)
    await tables.mask(workspace, name, columns)
  }
}
