/** What to send instead of the value's own text. */
export interface Replacement {
  readonly text: string
}

/** Fine as it is; why not; or fine once rewritten. */
export type Checked = undefined | string | Replacement

/** Judges a value: what `JSON.parse` made of it, and where its own text stands. */
export type Check = (value: unknown, text: string, start: number, end: number) => Checked

/** A value as a reason may show it: short, on one line. */
export function clip(text: string): string {
  const flat = text.slice(0, 200).replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]+/gu, ' ')
  return flat.length > 60 ? `${flat.slice(0, 60)}…` : flat
}

/** The reason for a value that the type cannot hold. */
export function expected(type: string, text: string, start: number, end: number): string {
  return `expected ${type}, got ${clip(text.slice(start, Math.min(end, start + 100)))}`
}
