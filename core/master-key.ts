import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseMasterKey } from './seal.ts'

export interface MasterKeys {
  readonly current: Uint8Array
  /** Still opened with, until everything is under the current one. */
  readonly previous: readonly Uint8Array[]
  /** Where the current one comes from, for people. */
  readonly from: string
  /** To be called once everything is under the current one: those of before are not needed any more. */
  settled(): void
}

/** There is no key to start with, or what is given is none. The message says what to do. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError'
}

interface Given {
  readonly key: Uint8Array | undefined
  readonly file: string | undefined
  readonly previous: readonly Uint8Array[]
}

/**
 * The master key: from the environment, from a file that it names, else the installation's own at `path`, made where it
 * is absent. Beside that, during a rotation, are those of before (`path.previous`, one a line); and an installation that
 * is given a key from outside still opens with its own.
 */
export function readMasterKeys(path: string, { key, file, previous }: Given): MasterKeys {
  const kept = previousPath(path)
  const before = [...previous, ...(existsSync(kept) ? keysIn(kept) : [])]
  const settled = (): void => rmSync(kept, { force: true })
  if (key !== undefined || file !== undefined) {
    const current = key ?? onlyKeyIn(file ?? '')
    const own = existsSync(path) ? [onlyKeyIn(path)] : []
    return {
      current,
      previous: [...before, ...own],
      from: key === undefined ? (file ?? '') : 'the environment',
      settled,
    }
  }
  if (!existsSync(path)) {
    if (before.length > 0)
      throw new MasterKeyError(`${path} is missing. Put it back, or set EDGEWISE_MASTER_KEY to it.`)
    replace(path, [randomBytes(32)])
  }
  return { current: onlyKeyIn(path), previous: before, from: path, settled }
}

/**
 * Puts a new master key in the place of the installation's own; the next start wraps every secret with it and forgets the
 * old one. First the old key is kept beside it, so whenever this ends, both are there or nothing has changed.
 */
export function rotateMasterKey(path: string, next: Uint8Array = randomBytes(32)): void {
  const kept = previousPath(path)
  const before = existsSync(kept) ? keysIn(kept) : []
  replace(kept, [...before, onlyKeyIn(path)])
  replace(path, [next])
}

function previousPath(path: string): string {
  return `${path}.previous`
}

function onlyKeyIn(path: string): Uint8Array {
  const [key, another] = keysIn(path)
  if (key === undefined || another !== undefined) throw new MasterKeyError(`${path} must hold one master key.`)
  return key
}

function keysIn(path: string): Uint8Array[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new MasterKeyError(`The master key cannot be read: ${(cause as Error).message}`, { cause })
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => {
    const key = parseMasterKey(line)
    if (key !== undefined) return key
    throw new MasterKeyError(`${path} must hold 32 bytes in base64, as \`openssl rand -base64 32\` makes them.`)
  })
}

/** Durable, and whole or not at all. */
function replace(path: string, keys: readonly Uint8Array[]): void {
  const text = keys.map((key) => `${Buffer.from(key).toString('base64')}\n`).join('')
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
  const directory = openSync(dirname(path), 'r')
  fsyncSync(directory)
  closeSync(directory)
}
