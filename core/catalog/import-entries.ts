import { Failure, type Violation } from '#mesh/errors.ts'
import type { Context } from '../context.ts'
import type { Deps } from './deps.ts'
import type { CatalogLimits } from './limits.ts'
import { parseFields, parseJson } from './parse-fields.ts'
import { idProblem, placeOf, type Where } from './place.ts'
import { type Resource, resources, wordsOf } from './resources.ts'
import type { Write } from './store.ts'
import { writeEntries } from './write-entries.ts'

const maxErrors = 10

/**
 * Puts many entries at once, a JSON object on each line with its id among the fields. Where one of them does not hold none is
 * written; and since the same again is no change, a batch that nothing was heard of can be sent once more.
 */
export async function importEntries(
  deps: Omit<Deps, 'logger' | 'writeChanges'>,
  ctx: Context,
  { body, ...where }: Where & { readonly body: Uint8Array },
): Promise<{ readonly written: number; readonly unchanged: number }> {
  const place = placeOf(ctx, 'write', where)
  const writes = parseLines(body, resources[where.resource], deps.limits)
  if (writes.length === 0) return { written: 0, unchanged: 0 }
  const done = await writeEntries(deps, ctx, where, place, writes)
  const written = done.filter(({ outcome }) => outcome === 'written').length
  return { written, unchanged: done.length - written }
}

function parseLines(body: Uint8Array, resource: Resource, limits: CatalogLimits): readonly Write[] {
  const { maxImportBytes, maxImportEntries } = limits
  if (body.byteLength > maxImportBytes) {
    throw new Failure('request.too_large', `An import has at most ${maxImportBytes} bytes.`)
  }
  const lines = textOf(body).split('\n')
  const rows = lines.map((line) => line.trim()).filter((line) => line !== '')
  if (rows.length > maxImportEntries) {
    throw new Failure('request.too_large', `An import has at most ${maxImportEntries} entries.`)
  }
  const errors: Violation[] = []
  const writes = new Map<string, Write>()
  for (const [at, row] of rows.entries()) {
    const read = readRow(row, resource, limits)
    if ('errors' in read) {
      for (const { pointer = '', reason } of read.errors) errors.push({ pointer: `/${at}${pointer}`, reason })
    } else if (writes.has(read.id)) {
      errors.push({ pointer: `/${at}/${resource.id}`, reason: 'is there twice' })
    } else writes.set(read.id, read)
    if (errors.length >= maxErrors) break
  }
  if (errors.length === 0) return [...writes.values()]
  throw new Failure('request.invalid', 'Not every entry holds, so nothing was written.', {
    hint: 'Mend the entries in `errors`, which are counted from 0.',
    errors: errors.slice(0, maxErrors),
  })
}

function readRow(text: string, resource: Resource, limits: CatalogLimits): Write | { errors: readonly Violation[] } {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { errors: [{ pointer: '', reason: 'is not a JSON object' }] }
  }
  const { [resource.id]: id, ...rest } = value as Readonly<Record<string, unknown>>
  const reason = idProblem(id)
  if (reason !== undefined || typeof id !== 'string') {
    return { errors: [{ pointer: `/${resource.id}`, reason: reason ?? 'is needed' }] }
  }
  const parsed = parseFields(resource, rest, limits)
  if ('errors' in parsed) return parsed
  const { fields } = parsed
  return { id, fields, words: wordsOf(resource, id, fields, limits.maxWordsLength), ifVersion: undefined }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function textOf(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch (cause) {
    throw new Failure('request.invalid', 'The body is not UTF-8.', {
      errors: [{ pointer: 'body', reason: 'is not valid UTF-8' }],
      cause,
    })
  }
}
