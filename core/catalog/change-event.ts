import type { ChangeEvent } from '../ingest/index.ts'
import type { Resource } from './resources.ts'
import type { Change } from './store.ts'

/** A change as the event that it is: there is one of each version of an entry. */
export function changeEvent({ id: idName, hasCollections, columns }: Resource, change: Change): ChangeEvent {
  const { collection, id, version, createdAt, updatedAt, fields } = change
  return {
    identity: JSON.stringify([collection, id, version]),
    row: {
      time: updatedAt.toISOString(),
      ...(hasCollections && { collection }),
      [idName]: id,
      version,
      deleted: fields === undefined,
      created_at: createdAt.toISOString(),
      // Of what was deleted nothing is said.
      ...(fields !== undefined && columns(fields)),
    },
  }
}
