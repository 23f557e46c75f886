import { intervalText, unitsMs } from './interval.ts'
import type { Value } from './values.ts'

/** What an option can be. */
export interface OptionType<T> {
  /** For people: `an integer from 1 to 16`. */
  readonly says: string
  /** Undefined where a value is none. */
  read(value: Value): T | undefined
}

export function integer(min: number, max: number): OptionType<number> {
  const is = (value: Value) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
  return { says: `an integer from ${min} to ${max}`, read: (value) => (is(value) ? Number(value) : undefined) }
}

export function real(min: number, max: number): OptionType<number> {
  const is = (value: Value) => typeof value === 'number' && value >= min && value <= max
  return { says: `a number from ${min} to ${max}`, read: (value) => (is(value) ? Number(value) : undefined) }
}

export function choice<const T extends string>(
  ...choices: readonly T[]
): OptionType<T> & { readonly choices: readonly T[] } {
  const says = `one of ${choices.map((choice) => `'${choice}'`).join(', ')}`
  return { says, choices, read: (value) => choices.find((choice) => choice === value) }
}

export function text(maxLength: number): OptionType<string> {
  return {
    says: `a text of at most ${maxLength} characters`,
    read: (value) => (typeof value === 'string' && value.length <= maxLength ? value : undefined),
  }
}

export function texts(max: number, maxLength: number): OptionType<readonly string[]> {
  const is = (item: Value): item is string => typeof item === 'string' && item !== '' && item.length <= maxLength
  return {
    says: `a list of at most ${max} texts of 1 to ${maxLength} characters: ['a', 'b']`,
    read: (value) => {
      const items = typeof value === 'string' ? [value] : value
      return Array.isArray(items) && items.length <= max && items.every(is) ? [...new Set(items)] : undefined
    },
  }
}

/** `'10 MINUTES'`, in milliseconds. */
export function interval(minMs: number, maxMs: number): OptionType<number> {
  return {
    says: `an interval from '${intervalText(minMs)}' to '${intervalText(maxMs)}'`,
    read: (value) => {
      const found = typeof value === 'string' ? /^\s*(\d{1,7})\s+([a-z]+?)s?\s*$/i.exec(value) : null
      const unit = `${found?.[2]?.toUpperCase() ?? ''}S`
      if (found === null || !isUnit(unit)) return undefined
      const ms = Number(found[1]) * unitsMs[unit]
      return ms >= minMs && ms <= maxMs ? ms : undefined
    },
  }
}

function isUnit(unit: string): unit is keyof typeof unitsMs {
  return Object.hasOwn(unitsMs, unit)
}

/** Which way the prediction may go where a feature grows: 1 up, −1 down, 0 either. */
export function directions(max: number): OptionType<ReadonlyMap<string, -1 | 0 | 1>> {
  return {
    says: `directions by feature, each -1, 0 or 1: {'tenure': -1}`,
    read: (value) => {
      if (!(value instanceof Map) || value.size > max) return undefined
      const found = value as ReadonlyMap<string, Value>
      const are = [...found.values()].every((item) => item === -1 || item === 0 || item === 1)
      return are ? (found as ReadonlyMap<string, -1 | 0 | 1>) : undefined
    },
  }
}

export type Fallback =
  | { readonly kind: 'previous' }
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'constant'; readonly value: string | number | boolean }

export function fallback(): OptionType<Fallback> {
  return {
    says: `'previous', '503', or a constant to answer`,
    read: (value) => {
      if (value === 'previous') return { kind: 'previous' }
      if (value === '503') return { kind: 'unavailable' }
      if (typeof value === 'object') return undefined
      if (typeof value === 'number' && !Number.isFinite(value)) return undefined
      return typeof value === 'string' && value.length > 256 ? undefined : { kind: 'constant', value }
    },
  }
}
