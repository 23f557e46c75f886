import { expect, test } from 'vitest'
import { createLateness } from '../../../edge/observe/lateness.ts'

/** Sleeps that end later than they should, by the times given; then nothing moves on. */
async function measured(...lateMs: number[]): Promise<number> {
  const clock = { now: 1_800_000_000_000 }
  let asked = 0
  const lateness = createLateness({
    now: () => clock.now,
    sleep(ms) {
      const late = lateMs[asked++]
      if (late === undefined) return new Promise(() => undefined)
      clock.now += ms + late
      return Promise.resolve()
    },
  })
  const works: Promise<unknown>[] = []
  lateness.watch({ waitUntil: (work) => void works.push(work) })
  lateness.watch({ waitUntil: (work) => void works.push(work) })
  expect(works).toHaveLength(1)
  for (let i = 0; i < 100; i++) await Promise.resolve()
  return lateness.ms()
}

test('an isolate is busy where its timers are late all the time, not where they were once', async () => {
  expect(await measured()).toBe(0)
  expect(await measured(90, 80, 70)).toBe(0)
  expect(await measured(90, 80, 70, 60)).toBe(60)
  expect(await measured(0, 0, 500, 0, 0)).toBe(0)
  expect(await measured(0, 90, 80, 70, 60)).toBe(60)
})
