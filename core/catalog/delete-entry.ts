import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { checkId, noEntry, placeOf, type Where } from './place.ts'
import { changedMeanwhile } from './put-entry.ts'
import { writeEntries } from './write-entries.ts'

export async function deleteEntry(
  deps: Pick<Deps, 'stores' | 'budgets' | 'wake'>,
  ctx: Context,
  { id, ifVersion, ...where }: Where & { readonly id: string; readonly ifVersion: number | undefined },
): Promise<void> {
  const place = placeOf(ctx, 'write', where)
  checkId(where, id)
  const [written] = await writeEntries(deps, ctx, where, place, [{ id, fields: undefined, words: '', ifVersion }])
  if (written?.outcome === 'written') return
  // Who has seen a version of what is gone is told that it is gone.
  if (written?.entry === undefined) throw noEntry(where, id)
  throw changedMeanwhile(id, ifVersion, written)
}
