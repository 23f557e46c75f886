import { Command, Redis as Client, type RedisOptions } from 'ioredis'
import type { Logger } from 'pino'
import { Failure } from '#mesh/errors.ts'
import { guardMemory } from './guard.ts'
import { isRefusal, type Redis, type RedisCommand, type RedisReply } from '../redis.ts'
import { checkServer, unreachable } from './start.ts'
import type { RedisUrl } from './url.ts'

/** How long a request waits for a connection that was lost. */
const patienceMs = 1_000
/** How long whoever starts waits: a wrong URL should be told soon. */
const startsWithinMs = 10_000
const longestPauseMs = 1_000
const retryAfterMs = 1_000
/** Of answers that came and were not given yet. */
const maxHeldBytes = 256 * 1024 ** 2

/** What every client is made with, whatever it leads to. */
export const clientOptions: RedisOptions = {
  lazyConnect: true,
  // What was sent may have been done: nothing is sent twice, and what cannot be sent now fails.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // Integers are texts then, and texts are bytes: so they can be told apart, and none loses a digit.
  stringNumbers: true,
  disableClientInfo: true,
  // Doubles, and is spread, so that many who lost the same server do not come back at once.
  retryStrategy: (attempt) => Math.min(25 * 2 ** attempt, longestPauseMs) * (0.5 + Math.random() / 2),
  // A server that became a replica: the name may lead to its successor.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
}

/** Opens the Redis of a URL: 6.2 or newer, one primary. Fails where it cannot be used, with the way out. */
export async function openRedis(url: RedisUrl, log: Pick<Logger, 'warn'>): Promise<Redis> {
  const { host, port, username, password, db, timeoutMs, tls } = url
  const client = new Client({
    ...clientOptions,
    host,
    port,
    db,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    connectionName: 'edgewise',
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    // A server that is stopped keeps its connections open, and answers nothing on them.
    socketTimeout: 2 * timeoutMs,
    keepAlive: 30_000,
  })
  let last: unknown
  client.on('error', (error: Error) => {
    last = error
  })
  // Quietly: the first of each outage is said, and what was sent is in no log.
  let isAway = false
  client.on('ready', () => (isAway = false))
  client.on('close', () => {
    if (!isAway && client.status !== 'end') log.warn({ reason: reasonOf(last) }, 'Redis is away')
    isAway = true
  })
  try {
    await begin(client, () => last)
    await checkServer(client)
  } catch (error) {
    client.disconnect()
    throw unreachable(url, error)
  }
  return redisOf(client, { prefix: url.prefix, isEmbedded: false })
}

/** Connects, and tries again for a while what another moment may mend. */
async function begin(client: Client, why: () => unknown): Promise<void> {
  client.connect().catch(() => undefined)
  const until = performance.now() + startsWithinMs
  while (!(await readyWithin(client, 100))) {
    const isFinal = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR )|CERT|SELF_SIGNED|VERIFY|ISSUER|SSL/.test(reasonOf(why()))
    if (isFinal || performance.now() > until) throw why() ?? new Error('it does not answer')
  }
  // A database that is not there: the client would go on in another.
  if (reasonOf(why()).startsWith('ERR ')) throw why()
}

function reasonOf(error: unknown): string {
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException
  return [code, message].filter(Boolean).join(' ') || 'the connection broke'
}

/** The port over a client, wherever that leads. */
export function redisOf(client: Client, { prefix, isEmbedded }: Pick<Redis, 'prefix' | 'isEmbedded'>): Redis {
  const given = guardMemory(client, maxHeldBytes)

  /** In one go, so that nothing comes in between. */
  async function ask(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
    if (!(await readyWithin(client, patienceMs))) throw away()
    const asked = commands.map(([name, ...args]) => {
      const command = new Command(name, args, { replyEncoding: null })
      client.sendCommand(command)
      return command.promise.then(replyOf, refusalOf)
    })
    const came = await Promise.allSettled(asked)
    given(came.map((one) => (one.status === 'fulfilled' ? one.value : null)))
    return came.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value
    })
  }

  return {
    prefix,
    isEmbedded,
    send: ask,
    async transact(commands) {
      const replies = await ask([['MULTI'], ...commands, ['EXEC']])
      const came = replies.at(-1) ?? null
      if (Array.isArray(came)) return came as readonly RedisReply[]
      // Why it was refused is said where it was queued.
      return replies.find(isRefusal) ?? { refusal: 'EXECABORT Transaction discarded.' }
    },
    isReady: () => client.status === 'ready',
    async close() {
      client.disconnect()
    },
  }
}

/** Whether there is a connection, now or in a moment. */
function readyWithin(client: Client, ms: number): Promise<boolean> {
  if (client.status === 'ready') return Promise.resolve(true)
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer)
      client.off('ready', settle)
      resolve(client.status === 'ready')
    }
    const timer = setTimeout(settle, ms)
    client.on('ready', settle)
  })
}

/** The client wraps neither: see `stringNumbers`. */
function replyOf(reply: unknown): RedisReply {
  if (reply === null || reply === undefined) return null
  if (Buffer.isBuffer(reply)) return reply
  if (Array.isArray(reply)) return reply.map(replyOf)
  if (reply instanceof Error) return { refusal: reply.message }
  return BigInt(reply as string)
}

function refusalOf(error: unknown): RedisReply {
  if ((error as Error).name === 'ReplyError' && !isPassing((error as Error).message)) {
    return { refusal: (error as Error).message }
  }
  // Not the cause itself: what was sent is in it.
  throw away((error as Error).message)
}

/** It cannot do anything for anybody now. */
function isPassing(message: string): boolean {
  return /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY |NOREPLICAS)/.test(message)
}

function away(reason?: string): Failure {
  return new Failure('redis.unavailable', 'Redis does not answer now.', {
    retryAfterMs,
    ...(reason !== undefined && { cause: new Error(reason) }),
  })
}
