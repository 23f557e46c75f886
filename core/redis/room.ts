import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import type { Redis, RedisCommand } from '../storage/redis.ts'
import { pages } from './walk.ts'

/** So long after all of an owner's was counted it is not counted again: until then, full is full. */
const restMs = 5_000
/** So long the first who write wait until what was there before is counted; then it is counted beside them. */
const patienceMs = 1_000

type Bounds = Pick<Context, 'deadline' | 'signal'>

export interface Room {
  /** Takes bytes for what is about to be written below a prefix, or answers false. */
  take(bounds: Bounds, prefix: string, bytes: number): Promise<boolean>
}

interface RoomOptions {
  readonly redis: Redis
  /** Of each owner. */
  readonly maxBytes: number
  /** The prefix of all that counts together with a key. */
  readonly ownerOf: (key: string) => string
  readonly now: () => number
}

interface Standing {
  /** At most: what was counted, and all that was written since. */
  bytes: number
  countedAt: number
  counting: Promise<void> | undefined
}

/**
 * How much of Redis's memory the keys of an owner may take. Nobody tells what expires and is removed, so what is known is too
 * much; where that reaches the bound, what there is is counted, key by key.
 */
export function createRoom({ redis, maxBytes, ownerOf, now }: RoomOptions): Room {
  const standings = new Map<string, Standing>()
  let beginning: Promise<void> | undefined
  let hasBegun = false

  function standingOf(owner: string): Standing {
    let standing = standings.get(owner)
    if (standing === undefined) {
      standing = { bytes: 0, countedAt: -Infinity, counting: undefined }
      standings.set(owner, standing)
    }
    return standing
  }

  /** Tells what each key below a prefix takes. */
  async function weigh(bounds: Bounds, prefix: string, tell: (key: string, bytes: number) => void): Promise<void> {
    for await (const keys of pages(redis, bounds, prefix, '*')) {
      const replies = await redis.send(keys.map((key): RedisCommand => ['MEMORY', 'USAGE', key, 'SAMPLES', '0']))
      for (const [at, reply] of replies.entries()) {
        if (typeof reply === 'bigint') tell(keys[at]?.toString('latin1') ?? '', Number(reply))
      }
    }
  }

  /** What was there before this process came, of all owners in one go. */
  async function begin(): Promise<void> {
    const forever = { deadline: Infinity, signal: new AbortController().signal }
    await weigh(forever, `${redis.prefix}:`, (key, bytes) => (standingOf(ownerOf(key)).bytes += bytes))
    hasBegun = true
  }

  async function count(bounds: Bounds, owner: string, standing: Standing): Promise<void> {
    const before = standing.bytes
    let bytes = 0
    await weigh(bounds, owner, (_, some) => (bytes += some))
    // With what was written meanwhile.
    standing.bytes += bytes - before
    standing.countedAt = now()
  }

  return {
    async take(bounds, prefix, bytes) {
      if (!hasBegun) {
        beginning ??= begin().catch(() => (beginning = undefined))
        await Promise.race([beginning, sleep(patienceMs, undefined, { ref: false })])
      }
      const owner = ownerOf(prefix)
      const standing = standingOf(owner)
      const isFull = (): boolean => hasBegun && standing.bytes + bytes > maxBytes
      if (isFull() && now() - standing.countedAt > restMs) {
        standing.counting ??= count(bounds, owner, standing).finally(() => (standing.counting = undefined))
        await standing.counting
      }
      if (isFull()) return false
      standing.bytes += bytes
      return true
    },
  }
}
