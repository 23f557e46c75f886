import { checkOf } from './checks.ts'
import { closest } from '#mesh/closest.ts'
import type { OnUnknown, TypedColumn } from './definition.ts'
import { flatten, unflatten } from './flatten.ts'
import type { IngestLimits } from './limits.ts'
import { depthOf, endOfString, endOfValue, skipBlank } from './scan.ts'
import { isNullable } from './types.ts'
import { type Check, clip } from './verdict.ts'

/** What became of a row. One object is used for all rows: read it before the next call. */
export interface Verdict {
  /** `unknown`: the row has fields that no column has, and they are to be added. */
  outcome: 'ok' | 'bad' | 'unknown'
  /** What goes to the log, where it is ok. */
  text: string
  /** The value of the id column, where there is one. */
  id: string
  /** The column to blame, or empty. */
  column: string
  reason: string
}

export type Validator = (text: string) => Verdict

interface Slot {
  readonly index: number
  readonly name: string
  /** `"name"`, as it stands in most texts. */
  readonly quoted: string
  readonly check: Check
  readonly required: boolean
  readonly isId: boolean
}

const notJson = /^\s*$/

/**
 * Compiles a schema into a function that judges one row. A row that is fine keeps its text, so its numbers arrive
 * as they were written; a row is rewritten only where it must be, and then from the pieces of that text.
 */
export function compileValidator(
  schema: { readonly columns: readonly TypedColumn[]; readonly id: string; readonly onUnknown: OnUnknown },
  limits: Pick<IngestLimits, 'maxRowBytes' | 'maxDepth' | 'flattenDepth'>,
): Validator {
  const slots = schema.columns.map(({ name, type }, index): Slot => ({
    index,
    name,
    quoted: JSON.stringify(name),
    check: checkOf(type),
    // A missing list or map is an empty one; the JSON type has an empty object.
    required: !isNullable(type) && type.kind !== 'Array' && type.kind !== 'Map' && type.kind !== 'JSON',
    isId: name === schema.id,
  }))
  const byName = new Map(slots.map((slot) => [slot.name, slot]))
  const requiredCount = slots.filter((slot) => slot.required).length
  /** The row in which each column was last seen: repeats and gaps show without a set per row. */
  const seen = new Float64Array(slots.length)
  /** Rows of one client have their fields in one order: after each column, the one that followed it last time. */
  const next = new Int32Array(slots.length + 1)
  let row = 0
  const verdict: Verdict = { outcome: 'ok', text: '', id: '', column: '', reason: '' }

  function bad(column: string, reason: string): Verdict {
    verdict.outcome = 'bad'
    verdict.column = column
    verdict.reason = reason
    return verdict
  }

  function ok(text: string): Verdict {
    verdict.outcome = 'ok'
    verdict.text = text
    return verdict
  }

  function missing(): Verdict {
    const slot = slots.find((slot) => slot.required && seen[slot.index] !== row)
    return bad(slot?.name ?? '', 'is missing, and the column is not Nullable')
  }

  function unknown(name: string): Verdict {
    if (schema.onUnknown === 'add') {
      verdict.outcome = 'unknown'
      return verdict
    }
    const near = closest(name, byName.keys())
    return bad(clip(name), `is not a column of this stream${near === undefined ? '' : `; did you mean ${near}?`}`)
  }

  /** The row from its pieces: nested, repeated, left-out or rewritten fields. */
  function rewrite(text: string): Verdict {
    const fields = flatten(text, limits.flattenDepth, (name) => byName.has(name))
    let required = 0
    for (const [name, raw] of fields) {
      const slot = byName.get(name)
      if (slot === undefined) {
        // Nothing is lost with a null: a column that is added later is NULL in this row. The same holds for nothing at all.
        if (raw !== 'null' && schema.onUnknown !== 'ignore') return unknown(name)
        fields.delete(name)
        continue
      }
      if (raw === 'null' && !slot.required && !isNullable(schema.columns[slot.index]?.type ?? { kind: 'String' })) {
        fields.delete(name)
        continue
      }
      const checked = slot.check(JSON.parse(raw), raw, 0, raw.length)
      if (typeof checked === 'string') return bad(slot.name, checked)
      if (checked !== undefined) fields.set(name, checked.text)
      if (slot.isId) {
        verdict.id = identity(checked?.text ?? raw)
        if (verdict.id === '') return bad(slot.name, 'identifies the event and must not be empty')
      }
      seen[slot.index] = row
      if (slot.required) required++
    }
    return required === requiredCount ? ok(unflatten(fields)) : missing()
  }

  return function validate(text) {
    row++
    verdict.id = ''
    let value: Record<string, unknown>
    try {
      value = JSON.parse(text) as Record<string, unknown>
    } catch (error) {
      return bad('', notJson.test(text) ? 'is empty' : `is not JSON: ${clip((error as Error).message)}`)
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return bad('', `expected an object, got ${clip(text)}`)
    }
    let at = skipBlank(text, skipBlank(text, 0) + 1)
    let previous = slots.length
    let required = 0
    let plain = true
    while (text.charCodeAt(at) === 0x22) {
      const guess = slots[next[previous] as number]
      let slot: Slot | undefined
      let keyEnd: number
      if (guess !== undefined && text.startsWith(guess.quoted, at)) {
        slot = guess
        keyEnd = at + guess.quoted.length
      } else {
        keyEnd = endOfString(text, at)
        const key = text.slice(at + 1, keyEnd - 1)
        slot = byName.get(key.includes('\\') ? (JSON.parse(text.slice(at, keyEnd)) as string) : key)
        if (slot !== undefined) next[previous] = slot.index
      }
      const colon = text.charCodeAt(keyEnd) === 0x3a ? keyEnd : skipBlank(text, keyEnd)
      const start = skipBlank(text, colon + 1)
      const end = endOfValue(text, start)
      const first = text.charCodeAt(start)
      if ((first === 0x7b || first === 0x5b) && depthOf(text.slice(start, end), limits.maxDepth) > limits.maxDepth) {
        return bad(slot?.name ?? '', `nests deeper than ${limits.maxDepth} levels`)
      }
      if (slot === undefined) plain = false
      else if (plain) {
        if (seen[slot.index] === row) plain = false
        seen[slot.index] = row
        previous = slot.index
        const checked = slot.check(value[slot.name], text, start, end)
        // Also where it is a reason: of a repeated name only the last value counts, and the slow way knows.
        if (checked !== undefined) plain = false
        if (slot.required) required++
        if (slot.isId) verdict.id = identity(text.slice(start, end))
      }
      at = end
      if (text.charCodeAt(at) !== 0x2c) at = skipBlank(text, at)
      if (text.charCodeAt(at) === 0x2c) at = skipBlank(text, at + 1)
    }
    if (!plain || (schema.id !== '' && verdict.id === '')) return rewrite(text)
    if (required !== requiredCount) return missing()
    // In the log a row is one line that begins with its brace. White space in a JSON text is never inside a string.
    if (text.charCodeAt(0) !== 0x7b) text = text.trimStart()
    return ok(text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\n\r]/g, ' ') : text)
  }
}

/** An id as text: `5` and `"5"` are one, for a column that takes both. */
function identity(raw: string): string {
  return raw.charCodeAt(0) === 0x22 ? (JSON.parse(raw) as string) : raw
}
