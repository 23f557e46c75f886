/**
 * Finds the pieces of a JSON text without decoding them, so that a value can go on as the text it came in: integers
 * past 2^53 and decimals survive. The text must be valid JSON already (`JSON.parse` accepted it).
 */
const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** The first place from `at` on that is not white space. */
export function skipBlank(text: string, at: number): number {
  for (;;) {
    const c = text.charCodeAt(at)
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at
    at++
  }
}

/** One past the closing quote of the string that opens at `at`. */
export function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1)
  while (text.charCodeAt(end - 1) === backslash) {
    let slashes = 1
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) break
    end = text.indexOf('"', end + 1)
  }
  return end + 1
}

/** One past the value that begins at `at`. */
export function endOfValue(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === quote) return endOfString(text, at)
  if (first === openBrace || first === openBracket) return endOfCompound(text, at)
  for (;;) {
    const c = text.charCodeAt(at)
    // NaN is the end of the text.
    if (c === comma || c === closeBrace || c === closeBracket || c <= 0x20 || Number.isNaN(c)) return at
    at++
  }
}

function endOfCompound(text: string, at: number): number {
  let depth = 0
  for (;;) {
    const c = text.charCodeAt(at)
    if (c === quote) {
      at = endOfString(text, at)
      continue
    }
    if (c === openBrace || c === openBracket) depth++
    else if ((c === closeBrace || c === closeBracket) && --depth === 0) return at + 1
    at++
  }
}

/** How deep the text nests, counted only until `bound` is passed. */
export function depthOf(text: string, bound: number): number {
  let depth = 0
  let most = 0
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === quote) at = endOfString(text, at) - 1
    else if (c === openBrace || c === openBracket) {
      depth++
      if (depth > most) most = depth
      if (most > bound) return most
    } else if (c === closeBrace || c === closeBracket) depth--
  }
  return most
}

/** A name and its value's text. */
export interface Member {
  readonly key: string
  readonly raw: string
}

/** The members of an object's text, in order, repeats included. */
export function membersOf(text: string): Member[] {
  const members: Member[] = []
  let at = skipBlank(text, skipBlank(text, 0) + 1)
  while (text.charCodeAt(at) === quote) {
    const keyEnd = endOfString(text, at)
    const key = JSON.parse(text.slice(at, keyEnd)) as string
    const start = skipBlank(text, skipBlank(text, keyEnd) + 1)
    const end = endOfValue(text, start)
    members.push({ key, raw: text.slice(start, end) })
    at = skipBlank(text, end)
    if (text.charCodeAt(at) === comma) at = skipBlank(text, at + 1)
  }
  return members
}

/** The texts of an array's elements. */
export function elementsOf(text: string): string[] {
  const elements: string[] = []
  let at = skipBlank(text, skipBlank(text, 0) + 1)
  while (text.charCodeAt(at) !== closeBracket) {
    const end = endOfValue(text, at)
    elements.push(text.slice(at, end))
    at = skipBlank(text, end)
    if (text.charCodeAt(at) === comma) at = skipBlank(text, at + 1)
  }
  return elements
}
