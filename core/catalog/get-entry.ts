import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { checkId, noEntry, placeOf, type Where } from './place.ts'
import type { Entry } from './store.ts'

export async function getEntry(
  { stores }: Pick<Deps, 'stores'>,
  ctx: Context,
  { id, ...where }: Where & { readonly id: string },
): Promise<Entry> {
  const place = placeOf(ctx, 'read', where)
  checkId(where, id)
  const entry = await stores[where.resource].get(place, id)
  if (entry === undefined) throw noEntry(where, id)
  return entry
}
