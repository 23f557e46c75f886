import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Failure, type Violation } from '#mesh/errors.ts'

/** OWASP Password Storage Cheat Sheet: argon2id (RFC 9106) with 19 MiB and two passes. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 } as const
const nonceBytes = 16
const tagLength = 32

/** Each takes a core for a twentieth of a second: strangers must not have them all. */
const maxAtOnce = 2
const maxWaiting = 32

const derive = promisify(argon2)
const waiting: (() => void)[] = []
let running = 0

/** The password as it is stored: in PHC form, with the cost that it was made at. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(nonceBytes)
  const tag = await tagOf(password, nonce, cost)
  const { memory, passes, parallelism } = cost
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(nonce)}$${base64(tag)}`
}

/** Takes as long where nobody has a password, so that the time says nothing about who there is. */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(stored ?? nobody)
  if (parts === null) throw new Error('a stored password is not in PHC form')
  const [, memory, passes, parallelism, nonce = '', tag = ''] = parts
  const found = await tagOf(password, Buffer.from(nonce, 'base64'), {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  })
  const expected = Buffer.from(tag, 'base64')
  return stored !== undefined && found.length === expected.length && timingSafeEqual(found, expected)
}

const nobody = `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`

/** NIST SP 800-63B, 5.1.1: length is what counts. */
export function passwordViolations(password: string, email: string, pointer: string): Violation[] {
  if (password.length < 12 || password.length > 200) return [{ pointer, reason: 'must be 12 to 200 characters' }]
  const [name = ''] = email.split('@')
  const folded = password.toLowerCase()
  if (folded.includes(email) || (name.length >= 4 && folded.startsWith(name))) {
    return [{ pointer, reason: 'must not be made of the email address' }]
  }
  if (new Set(folded).size < 5) return [{ pointer, reason: 'must have at least five different characters' }]
  return []
}

async function tagOf(
  password: string,
  nonce: Buffer,
  at: { readonly memory: number; readonly passes: number; readonly parallelism: number },
): Promise<Buffer> {
  if (running >= maxAtOnce) {
    if (waiting.length >= maxWaiting) {
      throw new Failure('limit.queue_full', 'Too many people sign in at this moment.', { retryAfterMs: 2_000 })
    }
    await new Promise<void>((resolve) => waiting.push(resolve))
  } else {
    running++
  }
  try {
    return await derive('argon2id', { ...at, message: password.normalize('NFKC'), nonce, tagLength })
  } finally {
    // The place goes to whoever is next.
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
