/** A command: its name in capitals, and its arguments. */
export type RedisCommand = readonly [name: string, ...args: (string | Buffer)[]]

/** What Redis answers. Integers come as bigint, and texts as the bytes that they are. */
export type RedisReply = null | bigint | Buffer | RedisError | readonly RedisReply[]

/** What Redis refuses a command with. */
export interface RedisError {
  readonly refusal: string
}

/** The port: a Redis, embedded or a server. One that does not answer fails with `redis.unavailable`. */
export interface Redis {
  /** Begins every key. */
  readonly prefix: string
  readonly isEmbedded: boolean
  /** One after the other, without waiting in between. What was sent may have been done although it failed. */
  send(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]>
  /** All in one transaction, or none; what refuses the whole is a refusal in place of the list. */
  transact(commands: readonly RedisCommand[]): Promise<readonly RedisReply[] | RedisError>
  isReady(): boolean
  close(): Promise<void>
}

export function isRefusal(reply: RedisReply | readonly RedisReply[]): reply is RedisError {
  return reply !== null && typeof reply === 'object' && 'refusal' in reply
}
