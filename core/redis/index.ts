import type { Service } from '#mesh/rpc/call.ts'
import type { RedisService } from '#proto/edgewise/redis/v1/redis_pb.ts'
import type { Redis as RedisStore } from '../storage/redis.ts'
import type { RedisLimits } from './limits.ts'
import { workspaceOf } from './names.ts'
import { createRoom } from './room.ts'
import { redisService } from './rpc.ts'

export { redisLimits } from './limits.ts'

export interface Redis {
  readonly service: Service<typeof RedisService>
}

export interface RedisOptions {
  readonly redis: RedisStore
  readonly limits: RedisLimits
  /** What the keys of one workspace may take. */
  readonly workspaceBytes: number
  readonly now: () => number
}

export function createRedis({ redis, limits, workspaceBytes, now }: RedisOptions): Redis {
  const rooms = [createRoom({ redis, maxBytes: workspaceBytes, ownerOf: workspaceOf, now })]
  if (redis.isEmbedded) {
    const all = `${redis.prefix}:`
    rooms.push(createRoom({ redis, maxBytes: limits.maxEmbeddedBytes, ownerOf: () => all, now }))
  }
  return { service: redisService({ redis, limits, rooms, texts: new Map() }) }
}
