import { type Member, membersOf } from './scan.ts'
import { canonicalText } from './compounds.ts'

/**
 * The fields of a row as columns would hold them: nested objects become dotted names down to `depth` parts, unless a
 * column takes the object itself. Of a name that comes twice the last value counts, as in JavaScript.
 */
export function flatten(text: string, depth: number, isColumn: (name: string) => boolean): Map<string, string> {
  const fields = new Map<string, string>()
  function walk(members: readonly Member[], prefix: string, level: number): void {
    for (const { key, raw } of members) {
      const name = prefix + key
      const nested = raw.charCodeAt(0) === 0x7b
      if (nested && level < depth && !isColumn(name)) {
        const inner = membersOf(raw)
        if (inner.length > 0) {
          walk(inner, `${name}.`, level + 1)
          continue
        }
      }
      // Inside an object a list would be taken for a part of a Nested column, whose lists must be equally long.
      const isList = level > 1 && raw.charCodeAt(0) === 0x5b && !isColumn(name)
      fields.set(name, isList || (nested && !isColumn(name)) ? JSON.stringify(canonicalText(raw)) : raw)
    }
  }
  walk(membersOf(text), '', 1)
  return fields
}

/** The row's text again. */
export function unflatten(fields: ReadonlyMap<string, string>): string {
  let text = ''
  for (const [name, raw] of fields) text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${raw}`
  return text === '' ? '{}' : `${text}}`
}
