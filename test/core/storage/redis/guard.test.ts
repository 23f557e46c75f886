import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { guardMemory } from '../../../../core/storage/redis/guard.ts'

const part = Buffer.alloc(400)

function connected() {
  const client = Object.assign(new EventEmitter(), { stream: new PassThrough() })
  client.stream.on('error', () => undefined)
  const given = guardMemory(client as never, 1_000)
  client.emit('connect')
  const receive = async (): Promise<boolean> => {
    client.stream.emit('data', part)
    return client.stream.destroyed
  }
  return { client, given, receive }
}

test('answers that nobody was given yet end the connection where they are too much', async () => {
  const { receive } = connected()
  expect([await receive(), await receive(), await receive()]).toEqual([false, false, true])
})

test('what was given counts no more, and another connection begins with nothing', async () => {
  const { client, given, receive } = connected()
  for (let i = 0; i < 10; i++) {
    expect(await receive()).toBe(false)
    given([part, null, 1n, [part.subarray(0, 1)]])
  }
  await receive()
  await receive()
  client.stream = new PassThrough()
  client.emit('connect')
  expect(await receive()).toBe(false)
})
