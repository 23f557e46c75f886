import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Control } from '../../../core/storage/control.ts'
import { type Jobs, openJobs } from '../../../core/storage/jobs.ts'
import { freshControl } from '../../support/control.ts'

const queue = 'errands'
const options = { retries: 2, heartbeatSeconds: 10, concurrency: 2, concurrencyOfGroup: 1 }
const log = pino({ level: 'silent' })
const errand = () => ({ id: randomUUID(), group: randomUUID(), timeoutSeconds: 30 })

let control: Control
/** Two processes' worth where the store can have two. */
let jobs: readonly Jobs[] = []
const done: string[] = []

beforeAll(async () => {
  control = await freshControl([])
  jobs = await Promise.all(Array.from({ length: control.isAlone ? 1 : 2 }, () => openJobs({ ...control.jobs, log })))
  for (const one of jobs) {
    await one.work(queue, options, async (id) => {
      await sleep(20)
      done.push(id)
    })
  }
})
afterAll(async () => {
  for (const one of jobs) await one.close()
  await control?.close()
})

describe('a job', () => {
  test('is done once, whoever works', { timeout: 60_000 }, async () => {
    const tasks = Array.from({ length: 6 }, errand)
    for (const task of tasks) await control.db.transaction((tx) => jobs[0]!.send(tx, queue, task))
    await expect.poll(() => done.length, { timeout: 50_000 }).toBe(tasks.length)
    expect(done.toSorted()).toEqual(tasks.map(({ id }) => id).toSorted())
    expect(await jobs[0]!.isOpen(queue, tasks[0]!.id)).toBe(false)
  })

  test('begins as soon as one before it in its group ends', { timeout: 30_000 }, async () => {
    const group = randomUUID()
    const tasks = Array.from({ length: 8 }, () => ({ ...errand(), group }))
    await control.db.transaction(async (tx) => {
      for (const task of tasks) await jobs[0]!.send(tx, queue, task)
    })
    // Long before as many polls.
    await expect.poll(() => tasks.every(({ id }) => done.includes(id)), { timeout: 10_000 }).toBe(true)
  })

  test('is not there where the transaction that asked for it was taken back', async () => {
    const task = errand()
    const taken = control.db.transaction(async (tx) => {
      await jobs[0]!.send(tx, queue, task)
      throw new Error('taken back')
    })
    await expect(taken).rejects.toThrow('taken back')
    expect(await jobs[0]!.isOpen(queue, task.id)).toBe(false)
    await sleep(100)
    expect(done).not.toContain(task.id)
  })
})
