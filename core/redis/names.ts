import type { RedisReply } from '../storage/redis.ts'

/** What begins the keys of a workspace. A name of one has no colon, so no two begin alike. */
export function prefixOf(installation: string, workspace: string): string {
  return `${installation}:${workspace}:`
}

/** The prefix of a key, or of what begins as one. */
export function workspaceOf(key: string): string {
  return key.slice(0, key.indexOf(':', key.indexOf(':') + 1) + 1)
}

/** The same name as its workspace knows it. */
export function ownName(key: Buffer, prefix: string): Buffer {
  return key.subarray(0, prefix.length).equals(Buffer.from(prefix)) ? key.subarray(prefix.length) : key
}

/** What names keys, each time as the first of a pair: `[[key, entries], …]` of XREAD, `[key, elements]` of LMPOP. */
export function withOwnNames(reply: RedisReply, prefix: string, command: string): RedisReply {
  if (!Array.isArray(reply)) return reply
  const [key, ...rest] = reply as readonly RedisReply[]
  if (command.startsWith('XREAD')) return reply.map((one: RedisReply) => withOwnNames(one, prefix, ''))
  return [Buffer.isBuffer(key) ? ownName(key, prefix) : (key ?? null), ...rest]
}

/** What Redis says may quote a key, or all that was sent. */
export function ownWords(refusal: string, prefix: string, command: string): string {
  if (/^ERR unknown command/i.test(refusal)) {
    const json = command.startsWith('JSON.') ? ': it has no JSON, which Redis 8 and Redis Stack have' : ''
    return `ERR ${command} is not known to the Redis of this installation${json}`
  }
  return refusal.replaceAll(prefix, '')
}
