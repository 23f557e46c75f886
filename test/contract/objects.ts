import * as vitest from 'vitest'
import { expect } from 'vitest'
import type { Objects } from '../../core/storage/objects.ts'
import type { Register } from './controls.ts'

/** Larger than what S3 takes at once. */
const large = (20 << 20) + 7

export function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * seed + seed) & 255
  return bytes
}

export async function keysOf(listed: AsyncIterable<{ readonly key: string }>): Promise<string[]> {
  const keys = []
  for await (const { key } of listed) keys.push(key)
  return keys.sort()
}

async function expectWhole(objects: Objects, key: string, bytes: Uint8Array): Promise<void> {
  const found = await objects.get(key)
  expect(found?.length).toBe(bytes.length)
  expect(Buffer.compare(found ?? Buffer.alloc(0), bytes)).toBe(0)
}

/** What every engine of the object store promises; `open` opens one that is new. */
export function objectsContract(open: () => Promise<Objects>, { describe, test }: Register = vitest): void {
  const withObjects = async (use: (objects: Objects) => Promise<void>): Promise<void> => {
    const objects = await open()
    try {
      await use(objects)
    } finally {
      objects.close()
    }
  }

  describe('the object store', () => {
    test('gives what was put, whole, of any size', () =>
      withObjects(async (objects) => {
        for (const length of [0, 1, 1 << 20, 8 << 20, large]) {
          await objects.put('models/some', bytesOf(length))
          await expectWhole(objects, 'models/some', bytesOf(length))
        }
      }))

    test('gives nothing of what was never put, and nothing once it is deleted, which may be done twice', () =>
      withObjects(async (objects) => {
        expect(await objects.get('models/none')).toBeUndefined()
        await objects.put('models/some', bytesOf(10))
        for (let times = 0; times < 2; times++) {
          await objects.delete('models/some')
          expect(await objects.get('models/some')).toBeUndefined()
        }
        expect(await keysOf(objects.list('models/'))).toEqual([])
      }))

    test('lists a folder, and when each came there, but no neighbour', () =>
      withObjects(async (objects) => {
        const before = Date.now()
        const names = Array.from({ length: 1_030 }, (_, n) => `models/${String(n).padStart(4, '0')}`)
        const waiting = [...names, 'modelsx', 'other/a']
        const lane = async (): Promise<void> => {
          for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) await objects.put(key, bytesOf(1))
        }
        await Promise.all(Array.from({ length: 8 }, lane))
        expect(await keysOf(objects.list('models/'))).toEqual(names)
        for await (const { modifiedMs } of objects.list('models/')) {
          // Some servers know whole seconds only.
          expect(modifiedMs).toBeGreaterThan(before - 2_000)
          expect(modifiedMs).toBeLessThan(Date.now() + 2_000)
        }
      }))

    test('while a key is put again, whoever reads it gets the one before or the one after, whole', () =>
      withObjects(async (objects) => {
        const sizes = [3 << 20, (9 << 20) + 1, 1 << 20]
        await objects.put('models/some', bytesOf(sizes[2] ?? 0))
        const over = new AbortController()
        const readers = Array.from({ length: 2 }, async () => {
          let reads = 0
          for (; !over.signal.aborted || reads === 0; reads++) {
            const found = (await objects.get('models/some')) ?? new Uint8Array()
            expect(sizes).toContain(found.length)
            expect(Buffer.compare(found, bytesOf(found.length))).toBe(0)
          }
        })
        const writing = (async () => {
          for (const size of [...sizes, ...sizes]) await objects.put('models/some', bytesOf(size))
        })().finally(() => over.abort())
        await Promise.all([writing, ...readers])
        await expectWhole(objects, 'models/some', bytesOf(sizes[2] ?? 0))
      }))

    test('refuses a key that leads out of it', () =>
      withObjects(async (objects) => {
        for (const key of ['../secret', 'models/../../secret', 'models/\0', '']) {
          await expect(objects.put(key, bytesOf(1))).rejects.toThrow()
          await expect(objects.get(key)).rejects.toThrow()
          await expect(objects.delete(key)).rejects.toThrow()
        }
      }))

    test('drops what was left half written, and nothing else', () =>
      withObjects(async (objects) => {
        await objects.put('models/some', bytesOf(large))
        await objects.dropParts(Date.now() + 3_600_000)
        await expectWhole(objects, 'models/some', bytesOf(large))
      }))

    test('gives a link to exactly this object, or none', () =>
      withObjects(async (objects) => {
        await objects.put('models/some', bytesOf(1_000))
        const link = await objects.link('models/some', 60)
        if (link === undefined) return
        const answer = await fetch(link)
        expect(answer.status).toBe(200)
        expect(Buffer.compare(await answer.bytes(), bytesOf(1_000))).toBe(0)
        expect((await fetch(link.replace('models/some', 'models/other'))).status).toBe(403)
        expect((await fetch(link, { method: 'DELETE' })).status).toBe(403)
      }))

    test('says that it is there', () =>
      withObjects(async (objects) => {
        expect(await objects.ping()).toBe(true)
      }))
  })
}
