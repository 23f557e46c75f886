/** The values of an array as texts, from a JSON array or from values separated by commas; undefined where it is neither. */
export function partsOf(value: string): readonly string[] | undefined {
  const trimmed = value.trim()
  if (trimmed === '') return []
  if (!trimmed.startsWith('[')) return value.split(',')
  try {
    const list: unknown = (JSON.parse as Parse)(trimmed, exactly)
    if (!Array.isArray(list)) return undefined
    const parts = list.map((item: unknown) => (typeof item === 'boolean' ? String(item) : item))
    return parts.every((item) => typeof item === 'string') ? parts : undefined
  } catch {
    return undefined
  }
}

/** https://tc39.es/proposal-json-parse-with-source/, which the type library does not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
type Parse = (text: string, reviver: Reviver) => unknown

/** Numbers keep their text: a double would lose digits of 64-bit ones. */
const exactly: Reviver = (_, item, { source }) => (typeof item === 'number' ? (source ?? String(item)) : item)
