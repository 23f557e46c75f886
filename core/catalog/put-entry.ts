import { Failure } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'
import { parseFields, parseJson } from './parse-fields.ts'
import { checkId, placeOf, type Where } from './place.ts'
import { resources, wordsOf } from './resources.ts'
import type { Entry, Written } from './store.ts'
import { writeEntries } from './write-entries.ts'

export interface PutEntry extends Where {
  readonly id: string
  /** A JSON object. */
  readonly fields: string
  /** 0: there must be none. */
  readonly ifVersion: number | undefined
}

/** Makes an entry, or puts another in its place. The same again is no change. */
export async function putEntry(
  deps: Omit<Deps, 'logger' | 'writeChanges'>,
  ctx: Context,
  { id, fields: text, ifVersion, ...where }: PutEntry,
): Promise<Entry> {
  const place = placeOf(ctx, 'write', where)
  checkId(where, id)
  const resource = resources[where.resource]
  const parsed = parseFields(resource, parseJson(text), deps.limits)
  if ('errors' in parsed) throw new Failure('request.invalid', 'The entry does not hold.', { errors: parsed.errors })
  const { fields } = parsed
  const words = wordsOf(resource, id, fields, deps.limits.maxWordsLength)
  const [written] = await writeEntries(deps, ctx, where, place, [{ id, fields, words, ifVersion }])
  if (written?.entry === undefined || written.outcome === 'conflict') throw changedMeanwhile(id, ifVersion, written)
  return written.entry
}

export function changedMeanwhile(id: string, ifVersion: number | undefined, written: Written | undefined): Failure {
  const now = written?.entry === undefined ? 'does not exist' : `is at version ${written.entry.version}`
  const asked = ifVersion === 0 ? 'and it must not exist' : `not at version ${ifVersion}`
  return new Failure('request.precondition', `\`${id}\` ${now}, ${asked}.`)
}
