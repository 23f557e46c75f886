import { hash, randomBytes } from 'node:crypto'
import { generateKey, keyPrefixLength } from '#mesh/keys.ts'
import type { NewKeyRow } from './store.ts'

/** What a secret that we made is stored and found by. SHA-256 is enough: it has 190 random bits or more, so there is nothing to guess. */
export function secretHash(text: string): string {
  return hash('sha256', text)
}

/** A secret of 256 random bits: `ewr_` refresh token, `ews_` session, `ewi_` invitation, `ewd_` device. */
export function mintSecret(kind: 'ewr' | 'ews' | 'ewi' | 'ewd'): string {
  return `${kind}_${randomBytes(32).toString('base64url')}`
}

/** Sorts by time. */
export function mintId(kind: 'ses' | 'usr', now: number): string {
  return `${kind}_${now.toString(36).padStart(9, '0')}${randomBytes(6).toString('hex')}`
}

/** A new key's text, its row without what its maker decides, and an id that sorts by time. */
export function mintKey(now: number): {
  readonly text: string
  readonly row: Pick<NewKeyRow, 'id' | 'prefix' | 'hash'>
} {
  const text = generateKey()
  const id = `key_${now.toString(36).padStart(9, '0')}${randomBytes(6).toString('hex')}`
  return { text, row: { id, prefix: text.slice(0, keyPrefixLength), hash: secretHash(text) } }
}

/** The row of a key that was made elsewhere: its text is not known here, and nothing of it can be shown. */
export function importedKey(now: number, hashed: string): ReturnType<typeof mintKey> {
  const { row } = mintKey(now)
  return { text: '', row: { ...row, prefix: 'imported', hash: hashed } }
}
