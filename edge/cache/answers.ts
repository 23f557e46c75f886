import type { Read } from './collect.ts'

/** A whole answer to a question, and until when it may be given. */
export interface Answer {
  readonly key: string
  readonly workspace: string
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  readonly version: number
  readonly etag: string
  /** What it took to make it. */
  readonly read: Read | undefined
  readonly storedAt: number
  /** Milliseconds after `storedAt`: fresh until, may be given while a new one is fetched until, may stand in for an error until. */
  readonly freshMs: number
  readonly revalidateMs: number
  readonly errorMs: number
  /** Those of an upstream, beside what stands above. */
  readonly headers?: readonly (readonly [string, string])[]
}

/** What an entry costs beside its body: key, headers, the map's slot. */
const overheadBytes = 1_024

export interface Answers {
  get(key: string): Answer | undefined
  put(answer: Answer): void
  forget(workspace: string | undefined): void
  readonly bytes: number
  readonly size: number
}

/** The port's one implementation: an isolate's memory, bounded by bytes, least recently used out first. */
export function createAnswers({ maxBytes }: { readonly maxBytes: number }): Answers {
  const entries = new Map<string, Answer>()
  let bytes = 0

  function drop(answer: Answer): void {
    if (entries.delete(answer.key)) bytes -= costOf(answer)
  }

  return {
    get(key) {
      const answer = entries.get(key)
      if (answer === undefined) return undefined
      entries.delete(key)
      entries.set(key, answer)
      return answer
    },
    put(answer) {
      const old = entries.get(answer.key)
      if (old !== undefined) drop(old)
      if (costOf(answer) > maxBytes) return
      entries.set(answer.key, answer)
      bytes += costOf(answer)
      for (const oldest of entries.values()) {
        if (bytes <= maxBytes) break
        drop(oldest)
      }
    },
    forget(workspace) {
      for (const answer of entries.values()) {
        if (workspace === undefined || answer.workspace === workspace) drop(answer)
      }
    },
    get bytes() {
      return bytes
    },
    get size() {
      return entries.size
    },
  }
}

function costOf({ key, body, headers = [] }: Answer): number {
  const named = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return overheadBytes + key.length * 2 + named * 2 + body.byteLength
}
