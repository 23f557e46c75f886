import { hash } from 'node:crypto'
import { Failure } from '#mesh/errors.ts'
import type { ControlDb } from '../storage/control.ts'
import { attemptsAt, countAttempt, forgetAttempts } from './store-users.ts'

/** So many wrong passwords cost nothing; each further one doubles the wait, from a second on. */
const free = 5
const longestWaitMs = 15 * 60_000
/** Wrong ones of an account from anywhere: beyond this, only browsers that are known and people with codes get in. */
const maxOfAccount = 100
const forgottenAfterMs = 60 * 60_000

/**
 * Where a password is tried: the account together with the browser that is known, or else the network. So whoever guesses
 * elsewhere slows themselves down and nobody else: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
 */
export interface Place {
  readonly account: string
  /** Of a browser that has signed in before; undefined for one that has not. */
  readonly device: string | undefined
  readonly network: string
}

/** Whether so many are wrong, from everywhere, that a browser which is not known needs more than a password. */
export async function isUnderAttack(db: ControlDb, account: string, now: number): Promise<boolean> {
  const row = await attemptsAt(db, accountId(account))
  return row !== undefined && row.failures >= maxOfAccount && now - row.lastAt.getTime() < forgottenAfterMs
}

/** Counts one before it is looked at, in one step, so that many at the same time are not one; refuses it while it must wait. */
export async function beginAttempt(db: ControlDb, place: Place, now: number): Promise<void> {
  const id = idOf(place)
  const rules = { at: new Date(now), since: new Date(now - forgottenAfterMs), free, longestWaitMs }
  if (await countAttempt(db, id, rules)) return
  const here = await attemptsAt(db, id)
  if (here === undefined) return
  const waitMs = Math.min(2 ** (here.failures - free) * 1_000, longestWaitMs)
  throw tooMany(Math.max(1_000, here.lastAt.getTime() + waitMs - now))
}

export async function attemptFailed(db: ControlDb, { account, device }: Place, now: number): Promise<void> {
  if (device !== undefined) return
  const rules = {
    at: new Date(now),
    since: new Date(now - forgottenAfterMs),
    free: Number.MAX_SAFE_INTEGER,
    longestWaitMs: 0,
  }
  await countAttempt(db, accountId(account), rules)
}

export async function attemptSucceeded(db: ControlDb, place: Place): Promise<void> {
  await forgetAttempts(db, idOf(place))
}

export function tooMany(retryAfterMs: number): Failure {
  return new Failure('limit.rate', 'Too many wrong passwords.', {
    hint: 'Wait for the time in Retry-After, or sign in from a browser that you have used before.',
    retryAfterMs,
  })
}

function idOf({ account, device, network }: Place): string {
  return hash('sha256', JSON.stringify(device === undefined ? [account, network] : [account, 'device', device]))
}

function accountId(account: string): string {
  return hash('sha256', JSON.stringify([account]))
}
