import type { Violation } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { personalColumns } from '../ingest/index.ts'
import type { ControlDb } from '../storage/control.ts'
import type { RowFilter } from './narrow.ts'

/**
 * Filters by personal data that the maker may not see and was not given itself: which rows a guessed value leaves would
 * tell whose they are.
 */
export async function personalFilters(
  db: ControlDb,
  maker: Pick<Actor, 'workspace' | 'scopes' | 'filters'>,
  filters: readonly RowFilter[],
): Promise<Violation[]> {
  const unseen = filters.filter(({ stream }) => !allows(maker.scopes, 'pii:read', stream))
  if (unseen.length === 0) return []
  const names = unseen.map(({ stream }) => stream)
  const personal = await personalColumns(db, maker.workspace, names)
  return unseen
    .filter((filter) => personal.get(filter.stream)?.includes(filter.column) && !maker.filters.some(isSame(filter)))
    .map(({ stream, column }) => ({
      pointer: `/filters/${stream}`,
      reason: `\`${column}\` is personal data: to filter by it you need pii:read:${stream}`,
    }))
}

function isSame(filter: RowFilter): (held: RowFilter) => boolean {
  const values = new Set(filter.values)
  return (held) =>
    held.stream === filter.stream &&
    held.column === filter.column &&
    held.values.length === values.size &&
    held.values.every((value) => values.has(value))
}
