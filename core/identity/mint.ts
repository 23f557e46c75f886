import { hash, randomBytes } from 'node:crypto'
import { generateKey, keyPrefixLength } from '#mesh/keys.ts'
import type { NewKeyRow } from './store.ts'

/** What a key is stored and found by. SHA-256 is enough: the text has 190 random bits, so there is nothing to guess. */
export function keyHash(text: string): string {
  return hash('sha256', text)
}

/** A new key's text, its row without what its maker decides, and an id that sorts by time. */
export function mintKey(now: number): {
  readonly text: string
  readonly row: Pick<NewKeyRow, 'id' | 'prefix' | 'hash'>
} {
  const text = generateKey()
  const id = `key_${now.toString(36).padStart(9, '0')}${randomBytes(6).toString('hex')}`
  return { text, row: { id, prefix: text.slice(0, keyPrefixLength), hash: keyHash(text) } }
}
