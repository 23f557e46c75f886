import { hash } from 'node:crypto'
import { counted } from './positions.ts'

/**
 * The scripts that may be run, by their SHA-1: those of @upstash/ratelimit 2.2. Redis runs one script at a time, in the
 * memory of the server, and cannot end one that has written and goes on for ever; so a text that nobody has read would be a
 * way to stop everybody. These have no loop that a caller could make longer, and name no key that is not in KEYS.
 */
const known: ReadonlySet<string> = new Set([
  // One region: fixedWindow, slidingWindow, tokenBucket, cachedFixedWindow; each to spend and to look.
  'b2efc02798c8e9b471a10f9b1d5745db89923ff3',
  '823cb2a5a902d69681244f5e28e5ebb8f2a89edd',
  '74740bb3d7792848093cdef586b6b6037c455fd6',
  '7ca36169e0fc9caedd81b4eef8e99854c157f9b5',
  'd60be5bd3d83482ae229309f1f7425424f891204',
  '40daf4a441df736f5c99f8b77bbe176c909e5de4',
  '1861a700bafe96c833a483af6b1c28a8897cfdb0',
  'eb82f0e853d2fc9a236fa9bfbe704fda6ac2fc36',
  // Several regions: fixedWindow, slidingWindow.
  'e04b753a75909b7f99aae4c04cf8869a8de02a9e',
  'e066c8ce3eaca142b0894ad1541e0a58c9924819',
  'aeb4d8f381e8dafc8e69041baae1324d254ded44',
  '87828c1088f6a8d1f512a434ea330189982a1c0a',
  // The deny list.
  'e8062088fe7e67994f617766e5d766490de1afb8',
])
/** Goes through all keys of the server and removes what matches KEYS[1]: done by commands here, which wait for others. */
const reset = '54bd274ddc59fb3be0f42deee2f64322a10e2b50'

const notOffered =
  'ERR this script is not offered here: those of @upstash/ratelimit 2.2 are, because one that goes on for ever would stop everybody; use commands and MULTI'
const noScript = 'NOSCRIPT No matching script. Please use EVAL.'

/** The texts that were seen, by their SHA-1: there cannot be more than are known. */
export type Texts = Map<string, string>

export type Script =
  | { readonly text: string; readonly count: number }
  | { readonly resets: string }
  | { readonly refusal: string }

/** What `EVAL` and `EVALSHA` are about, before their keys are looked at. */
export function scriptOf(texts: Texts, args: readonly string[]): Script {
  const [name = '', given = ''] = args
  const positions = counted(2)(args)
  if (typeof positions === 'string') return { refusal: positions }
  const isText = name.startsWith('EVAL') && !name.startsWith('EVALSHA')
  const sha = isText ? shaOf(given) : given.toLowerCase()
  if (sha === reset) return { resets: args[positions[0] ?? -1] ?? '' }
  if (isText && !loadScript(texts, given)) return { refusal: notOffered }
  const text = texts.get(sha)
  return text === undefined ? { refusal: noScript } : { text, count: positions.length }
}

/** Remembers a text that may be run, and answers its SHA-1; undefined where it may not. */
export function loadScript(texts: Texts, text: string): string | undefined {
  const sha = shaOf(text)
  if (!known.has(sha)) return sha === reset ? sha : undefined
  // `#!lua flags=allow-key-locking` is Upstash's own: other servers refuse it.
  texts.set(sha, text.replace(/^#![^\n]*/, ''))
  return sha
}

/** `SCRIPT LOAD text`, `SCRIPT EXISTS sha …`. */
export function scriptCommand(texts: Texts, args: readonly string[]): { readonly refusal: string } | Buffer | bigint[] {
  const [, verb = '', ...rest] = args
  if (/^EXISTS$/i.test(verb)) return rest.map((sha) => (texts.has(sha.toLowerCase()) ? 1n : 0n))
  if (!/^LOAD$/i.test(verb) || rest.length !== 1) {
    return { refusal: 'ERR SCRIPT LOAD and SCRIPT EXISTS are offered here' }
  }
  const sha = loadScript(texts, rest[0] ?? '')
  return sha === undefined ? { refusal: notOffered } : Buffer.from(sha)
}

/** Of the bytes, as they came: one character here is one of them. */
function shaOf(text: string): string {
  return hash('sha1', Buffer.from(text, 'latin1'))
}
