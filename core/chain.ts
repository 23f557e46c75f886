import { hash } from 'node:crypto'

/** What one entry of an audit log says. */
export interface ChainEntry {
  /** From 1, without gaps. */
  readonly seq: number
  /** ISO 8601 in UTC, to the millisecond. */
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly resource: string
  readonly outcome: 'done' | 'refused'
  /** Of mesh/errors.ts, for what was refused; else empty. */
  readonly code: string
  readonly detail: unknown
  readonly requestId: string
}

export interface Hashed extends ChainEntry {
  readonly hash: string
}

/** A place of the chain: the entry of that number has that hash. */
export interface Link {
  readonly seq: number
  readonly hash: string
}

/** What stands before the first entry. */
export const origin: Link = { seq: 0, hash: '0'.repeat(64) }

/** The action of the entry that says which entries were removed, and what the last of them was. */
export const pruneAction = 'prune_audit'

/** SHA-256 over the hash of the entry before and the entry itself, in the workspace that it is of. */
export function hashOf(previous: string, workspace: string, entry: ChainEntry): string {
  const { seq, at, actor, action, resource, outcome, code, detail, requestId } = entry
  const text = canonical([workspace, seq, at, actor, action, resource, outcome, code, detail, requestId])
  return hash('sha256', `${previous}\n${text}`)
}

/** JSON with the members of objects in order: RFC 8785, for the values that entries hold. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

/** The first place that does not hold, or undefined. */
export interface Broken {
  readonly seq: number
  readonly reason: string
}

/**
 * Recomputes a chain entry by entry, so that one of any length fits. `anchor` is what precedes the first entry: where
 * the front was removed, the entry that says so must be in the chain and say the same. `remembered` are places that it was
 * seen to have: what it ended with some time ago.
 */
export function createVerifier(workspace: string, anchor: Link, remembered: readonly Link[] = []) {
  let last = anchor
  let isAnchored = anchor.seq === 0 && anchor.hash === origin.hash
  return {
    /** The next entry, oldest first. */
    take(entry: Hashed): Broken | undefined {
      const broken = (reason: string): Broken => ({ seq: entry.seq, reason })
      if (entry.seq !== last.seq + 1)
        return { seq: last.seq + 1, reason: `is missing: entry ${entry.seq} comes instead` }
      if (hashOf(last.hash, workspace, entry) !== entry.hash) {
        return broken('was changed, or the entry before it was: its hash is another one')
      }
      if (remembered.some(({ seq, hash: known }) => seq === entry.seq && known !== entry.hash)) {
        return broken('has another hash than the one remembered: the chain was made anew')
      }
      const { through, hash: removed } = (entry.detail ?? {}) as { readonly through?: unknown; readonly hash?: unknown }
      if (entry.action === pruneAction && through === anchor.seq && removed === anchor.hash) isAnchored = true
      last = { seq: entry.seq, hash: entry.hash }
      return undefined
    },
    /** What is wrong once all have been taken. */
    end(): Broken | undefined {
      if (!isAnchored)
        return { seq: anchor.seq, reason: 'and those before it are missing, and no entry says that they were pruned' }
      const beyond = remembered.find(({ seq }) => seq > last.seq)
      return beyond && { seq: last.seq + 1, reason: `is missing, up to ${beyond.seq}: the end was cut off` }
    },
    last: (): Link => last,
  }
}
