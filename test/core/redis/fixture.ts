import { create } from '@bufbuild/protobuf'
import { type Reply, RunCommandsRequestSchema } from '#proto/edgewise/redis/v1/redis_pb.ts'
import { createRedis, redisLimits } from '../../../core/redis/index.ts'
import { openRedis } from '../../../core/storage/redis/connect.ts'
import { openEmbeddedRedis } from '../../../core/storage/redis/embedded.ts'
import { parseRedisUrl } from '../../../core/storage/redis/url.ts'
import type { Redis, RedisReply } from '../../../core/storage/redis.ts'
import { callBy } from '../../support/call.ts'
import { findRedis, type RedisServer, startRedis } from '../../support/servers/redis.ts'

const program = findRedis()

/** What the same suite runs on. */
export const engines = [
  { engine: 'embedded', isAbsent: false },
  { engine: 'Redis', isAbsent: program === undefined },
] as const

export type Engine = (typeof engines)[number]['engine']
type Value = null | bigint | string | { readonly error: string } | readonly Value[]
export type Arg = string | number | Uint8Array

export interface World {
  readonly redis: Redis
  readonly server: RedisServer | undefined
  /** Runs commands in one request; texts come as texts. */
  run(commands: readonly (readonly Arg[])[], by?: Who): Promise<readonly Value[]>
  /** One command. */
  one(...command: Arg[]): Promise<Value>
  /** One command of another workspace. */
  other(...command: Arg[]): Promise<Value>
  /** What is there really, whosever it is. */
  keys(): Promise<readonly string[]>
  domain(options?: Partial<Parameters<typeof createRedis>[0]>): Pick<World, 'run'>
  clear(): Promise<void>
  close(): Promise<void>
}

export interface Who {
  readonly workspace?: string
  readonly scopes?: readonly string[]
  readonly atomic?: boolean
  readonly readOnly?: boolean
}

export const both = ['redis:read', 'redis:write']

export async function startWorld(engine: Engine): Promise<World> {
  const server = engine === 'Redis' ? await startRedis(program ?? '') : undefined
  const redis =
    server === undefined ? openEmbeddedRedis() : await openRedis(urlOf(server.url()), { warn: () => undefined })
  const domain: World['domain'] = (options = {}) => {
    const { service } = createRedis({
      redis,
      limits: redisLimits,
      workspaceBytes: 64 << 20,
      now: Date.now,
      ...options,
    })
    return {
      async run(commands, { workspace = 'a', scopes = both, atomic = false, readOnly = false } = {}) {
        const request = create(RunCommandsRequestSchema, {
          commands: commands.map((command) => ({ args: command.map(bytesOf) })),
          atomic,
          readOnly,
        })
        const { answers } = await service.runCommands(request, callBy({ workspace, scopes: [...scopes] }))
        return answers.map(({ came }) => (came.case === 'refusal' ? { error: came.value } : valueOf(came.value)))
      },
    }
  }
  const { run } = domain()
  const ask = async (...command: [string, ...string[]]): Promise<RedisReply> => (await redis.send([command]))[0] ?? null
  return {
    redis,
    server,
    run,
    domain,
    one: async (...command) => (await run([command]))[0] ?? null,
    other: async (...command) => (await run([command], { workspace: 'b' }))[0] ?? null,
    async keys() {
      const found = (await ask('KEYS', '*')) as readonly Buffer[]
      return found.map(String).sort()
    },
    async clear() {
      await ask('FLUSHALL')
    },
    async close() {
      await redis.close()
      await server?.stop()
    },
  }
}

export function urlOf(text: string) {
  const url = parseRedisUrl(text)
  if (typeof url === 'string') throw new Error(url)
  return url
}

function bytesOf(arg: Arg): Uint8Array {
  return typeof arg === 'object' ? arg : new TextEncoder().encode(String(arg))
}

function valueOf(reply: Reply | undefined): Value {
  const { kind } = reply ?? {}
  if (kind?.case === 'integer') return kind.value
  if (kind?.case === 'text') return Buffer.from(kind.value).toString()
  if (kind?.case === 'refusal') return { error: kind.value }
  return kind?.case === 'list' ? kind.value.items.map(valueOf) : null
}
