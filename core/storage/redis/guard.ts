import type { Duplex } from 'node:stream'
import type { Redis as Client } from 'ioredis'
import type { RedisReply } from '../redis.ts'

/** More than a server says of an element beside its bytes: what was given is never counted as too little. */
const elementBytes = 32

/**
 * Ends the connection where the answers that came and were not given yet take too much memory: whoever asks weighs them
 * before, but what is weighed may grow before it is read. Answers what gives some of it free.
 */
export function guardMemory(client: Client, maxBytes: number): (replies: readonly RedisReply[]) => void {
  let held = 0
  client.on('connect', () => {
    held = 0
    const { stream } = client as unknown as { readonly stream: Duplex }
    stream.on('data', (chunk: Buffer) => {
      held += chunk.byteLength
      if (held > maxBytes) stream.destroy(new Error(`the answers take more than ${maxBytes} bytes`))
    })
  })
  return (replies) => {
    held = Math.max(0, held - bytesOf(replies))
  }
}

function bytesOf(reply: RedisReply | readonly RedisReply[]): number {
  if (Buffer.isBuffer(reply)) return reply.byteLength + elementBytes
  if (Array.isArray(reply))
    return (reply as readonly RedisReply[]).reduce((sum, one) => sum + bytesOf(one), elementBytes)
  return elementBytes
}
