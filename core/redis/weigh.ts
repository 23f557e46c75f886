import { isRefusal, type Redis, type RedisCommand, type RedisReply } from '../storage/redis.ts'
import type { Cost } from './step.ts'

/** What the commands of a request may answer and copy, in bytes, by what their keys take now. Asked for in one go. */
export async function weigh(redis: Redis, costs: readonly Cost[]): Promise<(cost: Cost) => Weight> {
  const asked = new Map<string, RedisCommand>()
  const ask = (command: RedisCommand): void => void asked.set(nameOf(command), command)
  for (const { whole, copied, fields } of costs) {
    for (const key of [...whole, ...copied]) ask(usageOf(key))
    for (const [key, field] of fields) ask(lengthOf(key, field))
  }
  const replies = asked.size === 0 ? [] : await redis.send([...asked.values()])
  const known = new Map([...asked.keys()].map((name, at) => [name, bytesOf(replies[at] ?? null)]))
  const sum = (commands: readonly RedisCommand[]): number =>
    commands.reduce((bytes, command) => bytes + (known.get(nameOf(command)) ?? 0), 0)
  return ({ whole, copied, fields }) => ({
    answered: sum([...whole.map(usageOf), ...fields.map(([key, field]) => lengthOf(key, field))]),
    copied: sum(copied.map(usageOf)),
  })
}

export interface Weight {
  readonly answered: number
  readonly copied: number
}

/** Every element is looked at: a few of them may be much smaller than the rest. */
function usageOf(key: Buffer): RedisCommand {
  return ['MEMORY', 'USAGE', key, 'SAMPLES', '0']
}

function lengthOf(key: Buffer, field: Buffer): RedisCommand {
  return ['HSTRLEN', key, field]
}

function nameOf(command: RedisCommand): string {
  return command.map((arg) => (typeof arg === 'string' ? arg : `${arg.byteLength}:${arg.toString('latin1')}`)).join(' ')
}

/** 0 for a key that is not there, or is something else: the command itself will say so. */
function bytesOf(reply: RedisReply): number {
  return typeof reply === 'bigint' ? Number(reply) : 0
}

/** How long a reply is, about as it is sent. */
export function replyBytes(reply: RedisReply): number {
  if (reply === null || typeof reply === 'bigint') return 8
  if (Buffer.isBuffer(reply)) return reply.byteLength + 8
  if (isRefusal(reply)) return reply.refusal.length
  return reply.reduce((sum: number, one) => sum + replyBytes(one), 8)
}
