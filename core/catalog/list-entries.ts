import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import { cursorOf, pageLimit, pageOf } from '../page.ts'
import type { Deps } from './deps.ts'
import type { CatalogLimits } from './limits.ts'
import { placeOf, type Where } from './place.ts'
import { resources } from './resources.ts'
import type { CatalogStore, Entry, List, Place } from './store.ts'

export interface ListEntries extends Where {
  readonly limit: number
  readonly cursor: string
  readonly search: string
}

export async function listEntries(
  { stores, limits }: Pick<Deps, 'stores' | 'limits'>,
  ctx: Context,
  { limit: asked, cursor, search, ...where }: ListEntries,
): Promise<{ readonly rows: readonly Entry[]; readonly nextCursor: string }> {
  const place = placeOf(ctx, 'read', where)
  const limit = pageLimit(asked)
  const after = cursorOf(cursor, /^[\x21-\x7e]{1,128}$/)
  const words = wordsOf(search, limits)
  const { entries, cut } = await gather(
    stores[where.resource],
    place,
    { limit: limit + 1, after, search: words },
    limits,
  )
  return pageOf(entries, cut ? entries.length - 1 : limit, ({ id }) => id)
}

/** A few at a time, because they may be large: a page ends early where it has as many bytes as a page may. */
async function gather(store: CatalogStore, place: Place, { limit, after, search }: List, limits: CatalogLimits) {
  const { maxPageBytes, maxChunkBytes } = limits
  const chunk = Math.floor(maxChunkBytes / limits[resources[store.resource].maxBytes])
  const entries: Entry[] = []
  let bytes = 0
  while (entries.length < limit) {
    const asked = Math.min(chunk, limit - entries.length)
    const some = await store.list(place, { limit: asked, after: entries.at(-1)?.id ?? after, search })
    for (const { fields } of some) bytes += JSON.stringify(fields).length
    entries.push(...some)
    if (some.length < asked) break
    if (bytes > maxPageBytes && entries.length > 1) return { entries, cut: true }
  }
  return { entries, cut: false }
}

function wordsOf(search: string, { maxSearchLength, maxSearchWords }: CatalogLimits): readonly string[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (search.length <= maxSearchLength && words.length <= maxSearchWords && !search.includes('\0')) return words
  const reason = `must be at most ${maxSearchWords} words and ${maxSearchLength} characters of text`
  throw new Failure('request.invalid', `A search ${reason}.`, { errors: [{ pointer: 'search', reason }] })
}
