import type { Context } from '../context.ts'
import type { Redis, RedisCommand } from '../storage/redis.ts'
import { pages } from './walk.ts'

/** So long after all was counted it is not counted again: until then, full is full. */
const restMs = 5_000

export interface Room {
  /** Takes bytes for what is about to be written, or answers false. */
  take(ctx: Pick<Context, 'deadline' | 'signal'>, owner: string, bytes: number): Promise<boolean>
}

interface Standing {
  /** At most: what was counted, and all that was written since. */
  bytes: number
  countedAt: number
  counting: Promise<void> | undefined
}

/**
 * How much of Redis's memory the keys below a prefix may take. Nobody counts what expires and is removed, so what is known is
 * too much; where that reaches the bound, what there is is counted, key by key.
 */
export function createRoom(redis: Redis, maxBytes: number, now: () => number): Room {
  const standings = new Map<string, Standing>()

  async function count(ctx: Pick<Context, 'deadline' | 'signal'>, prefix: string, standing: Standing): Promise<void> {
    const before = standing.bytes
    let bytes = 0
    for await (const keys of pages(redis, ctx, prefix, '*')) {
      const replies = await redis.send(keys.map((key): RedisCommand => ['MEMORY', 'USAGE', key, 'SAMPLES', '0']))
      for (const reply of replies) if (typeof reply === 'bigint') bytes += Number(reply)
    }
    // With what was written meanwhile.
    standing.bytes += bytes - before
    standing.countedAt = now()
  }

  return {
    async take(ctx, prefix, bytes) {
      let standing = standings.get(prefix)
      if (standing === undefined) {
        // What was there before this process came.
        standing = { bytes: maxBytes, countedAt: -Infinity, counting: undefined }
        standings.set(prefix, standing)
      }
      if (standing.bytes + bytes > maxBytes && now() - standing.countedAt > restMs) {
        standing.counting ??= count(ctx, prefix, standing).finally(() => (standing.counting = undefined))
        await standing.counting
      }
      if (standing.bytes + bytes > maxBytes) return false
      standing.bytes += bytes
      return true
    },
  }
}
