import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const count = async (stream: string) => (await world.rows<{ n: string }>(`SELECT count() AS n FROM ${stream}`))[0]?.n

describe('an Idempotency-Key', () => {
  test('seen before is answered as it was, also after a restart, and nothing is added', async () => {
    const body = '{"a":1}\nbad\n{"a":1}'
    const first = await world.write('keyed', body, { idempotencyKey: 'k1' })
    const again = await world.write('keyed', body, { idempotencyKey: 'k1' })
    const later = await world.reopen().write('keyed', body, { idempotencyKey: 'k1' })
    expect(first).toMatchObject({ accepted: 2, quarantined: 1, replayed: false })
    for (const answer of [again, later]) {
      expect(answer).toMatchObject({
        accepted: 2,
        quarantined: 1,
        replayed: true,
        offsets: first.offsets,
        errors: first.errors,
      })
    }
    expect(await count('keyed')).toBe('2')
    expect((await world.quarantine({ stream: 'keyed' })).rows).toHaveLength(1)
  })

  test('with another body is a conflict', async () => {
    await expect(world.write('keyed', '{"a":2}', { idempotencyKey: 'k1' })).rejects.toMatchObject({
      problem: 'request.idempotency_conflict',
    })
  })

  test('that comes many times at once is done once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => world.write('keyed', '{"a":3}', { idempotencyKey: 'k2' })),
    )
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
    expect(await count('keyed')).toBe('3')
  })

  test('of a refused request is free for the mended one', async () => {
    await expect(world.write('keyed', 'bad', { idempotencyKey: 'k3', strict: true })).rejects.toMatchObject({
      problem: 'stream.rejected',
    })
    expect(await world.write('keyed', '{"a":4}', { idempotencyKey: 'k3' })).toMatchObject({
      accepted: 1,
      replayed: false,
    })
  })

  test('is well formed', async () => {
    for (const idempotencyKey of ['ä', 'a\nb', 'x'.repeat(256)]) {
      await expect(world.write('keyed', '{"a":5}', { idempotencyKey })).rejects.toMatchObject({
        problem: 'request.invalid',
      })
    }
  })
})

describe('an event', () => {
  test('with a declared id is there once, however it is sent', async () => {
    await world.put({
      name: 'paid',
      schema: {
        columns: [
          { name: 'id', type: 'UInt64' },
          { name: 'v', type: 'String' },
        ],
        id: 'id',
      },
    })
    await world.write('paid', '{"id":1,"v":"a"}\n{"id":2,"v":"b"}\n{"id":"1","v":"again"}')
    await world.write('paid', '{"id":2,"v":"again"}', { idempotencyKey: 'another' })
    expect(await world.rows('SELECT id, v FROM paid ORDER BY id')).toEqual([
      { id: '1', v: 'a' },
      { id: '2', v: 'b' },
    ])
    expect((await world.get('paid')).statistics?.repeated).toBe(2n)
  })

  test('without an identity is another event, though equal', async () => {
    await world.write('plain', '{"a":1}\n{"a":1}')
    await world.write('plain', '{"a":1}')
    expect(await count('plain')).toBe('3')
  })
})
