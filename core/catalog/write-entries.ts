import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'
import type { Where } from './place.ts'
import type { Place, Write, Written } from './store.ts'

/** What all writes are: counted as the events that they become, and told to whoever sends those. */
export async function writeEntries(
  { stores, budgets, wake }: Pick<Deps, 'stores' | 'budgets' | 'wake'>,
  ctx: Context,
  { resource }: Where,
  place: Place,
  writes: readonly Write[],
): Promise<readonly Written[]> {
  const held = await budgets.hold(ctx.actor, { events: writes.length })
  let events = 0
  try {
    const written = await stores[resource].write(place, writes)
    events = written.filter(({ outcome }) => outcome === 'written').length
    return written
  } finally {
    held.settle({ events })
    if (events > 0) wake(resource)
  }
}
