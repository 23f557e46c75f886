import { AbstractConnector, Redis as Client } from 'ioredis'
import { createRedisCommandExecutor, createVirtualConnection, RedisServerState } from 'js-redis-server/core'
import type { Redis } from '../redis.ts'
import { clientOptions, redisOf } from './connect.ts'
import { memoryUsage } from './memory-usage.ts'

/**
 * A Redis in this process and its memory, spoken to by the same client over a connection that is no socket: it listens on no
 * port, and nobody else of the machine can come in. It ends with the process, and what it holds with it.
 */
export async function openInProcess(prefix: string): Promise<Redis> {
  const server = {
    state: new RedisServerState({ databaseCount: 1 }),
    executor: createRedisCommandExecutor({ extraCommands: [memoryUsage] }),
  }

  class Connector extends AbstractConnector {
    constructor() {
      super(0)
    }

    override connect(): Promise<typeof this.stream> {
      this.connecting = true
      // What the client uses of a socket it has.
      this.stream = createVirtualConnection(server).clientSocket as unknown as typeof this.stream
      return Promise.resolve(this.stream)
    }
  }

  const client = new Client({ ...clientOptions, Connector })
  await client.connect()
  const redis = redisOf(client, { prefix, isEmbedded: true })
  return {
    ...redis,
    async close() {
      await redis.close()
      server.state.close()
    },
  }
}
