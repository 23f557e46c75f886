/** Every bound of what callers may ask of Redis. The README lists them. */
export const redisLimits = {
  /** Of one request. */
  maxCommands: 1_000,
  /** Of one command. */
  maxArgs: 10_000,
  maxKeyBytes: 4_096,
  /** How far a command may write into a text, so how long it can make it at once. */
  maxOffsetBytes: 16 * 1024 ** 2,
  /** What is answered to one request, at most; keys that take more in memory cannot be read whole. */
  maxReplyBytes: 8 * 1024 ** 2,
  /** Elements that are asked for at once, of which nobody knows how long they are. */
  maxElements: 32,
  /** Of a page of SCAN. */
  maxScanCount: 1_000,
  /** Keys that KEYS answers, that RANDOMKEY chooses from and that FLUSHDB removes. */
  maxWalkedKeys: 100_000,
  /** What workspaces may take together of the embedded one, which is a part of this process. */
  maxEmbeddedBytes: 256 * 1024 ** 2,
} as const

export type RedisLimits = typeof redisLimits
