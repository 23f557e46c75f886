import type { Context } from '../context.ts'
import type { StoredRecord } from '../storage/log.ts'
import type { KafkaDeps } from './deps.ts'
import { logTopic } from './names.ts'

/** Where to read on in a partition. */
export interface From {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface Message extends StoredRecord {
  readonly topic: string
  readonly partition: number
}

/**
 * What there is from these places on, within the bounds of an answer; waits for it where there is nothing. Begins with
 * another place each time, so that one with much to read does not hide the others.
 */
export async function readFrom(
  deps: KafkaDeps,
  ctx: Context,
  places: readonly From[],
  timeoutMs: number,
): Promise<Message[]> {
  const { workspace } = ctx.actor
  const topics = new Set(places.map(({ topic }) => logTopic(workspace, topic)))
  const left = ctx.deadline - Date.now() - reserveMs
  const wait = deps.waits(workspace, topics, Math.min(timeoutMs, deps.limits.maxWaitMs, left), ctx.signal)
  try {
    for (let looked = places; ;) {
      const found = await readOnce(deps, workspace, looked)
      if (found.length > 0) return found
      const news = await wait.appended()
      if (news.size === 0) return []
      looked = places.filter(({ topic, partition }) => news.has(`${logTopic(workspace, topic)}/${partition}`))
    }
  } finally {
    wait.end()
  }
}

/** Kept of the deadline for giving the answer. */
const reserveMs = 200

async function readOnce({ log, limits }: KafkaDeps, workspace: string, places: readonly From[]): Promise<Message[]> {
  const messages: Message[] = []
  let bytes = 0
  const first = Math.floor(Math.random() * places.length)
  for (const { topic, partition, offset } of [...places.slice(first), ...places.slice(0, first)]) {
    const maxRecords = limits.maxRead - messages.length
    const maxBytes = limits.maxReadBytes - bytes
    if (maxRecords <= 0 || maxBytes <= 0) break
    // The log gives what it stores together, which may be more.
    for (const record of await log.read(logTopic(workspace, topic), partition, offset, { maxRecords, maxBytes })) {
      const size = sizeOf(record)
      if (messages.length > 0 && bytes + size > limits.maxReadBytes) break
      bytes += size
      messages.push({ ...record, topic, partition })
    }
  }
  return messages
}

/** About as many bytes as it has. */
export function sizeOf({ value, key, headers = [] }: StoredRecord): number {
  return headers.reduce(
    (sum, header) => sum + Buffer.byteLength(header.key) + Buffer.byteLength(header.value),
    Buffer.byteLength(value) + (key?.length ?? 0),
  )
}

/** Reads on its caller's plan: where something of it is left, what was read is charged then, however long that took. */
export async function charged(
  { budgets }: KafkaDeps,
  ctx: Context,
  read: () => Promise<readonly Message[]>,
): Promise<readonly Message[]> {
  const held = await budgets.hold(ctx.actor, { rows: 0, bytes: 0 })
  let messages: readonly Message[] = []
  try {
    return (messages = await read())
  } finally {
    held.settle({ rows: messages.length, bytes: messages.reduce((sum, message) => sum + sizeOf(message), 0) })
  }
}
