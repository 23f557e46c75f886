import { expect, test } from 'vitest'
import { createRoom } from '../../../core/ingest/room.ts'

test('bodies at work stay within the bound, but for a single one; the rest is told when to come back', async () => {
  const room = createRoom(100)
  const refusal = { problem: 'limit.queue_full', status: 503, retryAfterMs: 1_000 }
  let leave = (): void => undefined
  const until = new Promise<void>((resolve) => {
    leave = resolve
  })
  const first = room(60, () => until)
  await expect(room(60, () => Promise.resolve())).rejects.toMatchObject(refusal)
  // What turns out to be larger once it is inflated.
  await expect(room(30, async ({ grow }) => grow(20))).rejects.toMatchObject(refusal)
  await expect(room(40, () => Promise.resolve('done'))).resolves.toBe('done')
  leave()
  await first
  await expect(room(500, () => Promise.resolve('alone'))).resolves.toBe('alone')
  await expect(room(100, () => Promise.reject(new Error('broke')))).rejects.toThrow('broke')
  await expect(room(100, () => Promise.resolve('room again'))).resolves.toBe('room again')
})
