import { sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lease, migrations, openLease } from '../../../core/config/index.ts'
import type { Control } from '../../../core/storage/control.ts'
import { freshControl } from '../../support/control.ts'

let control: Control
const opened: Lease[] = []
beforeAll(async () => {
  control = await freshControl([migrations])
})
afterAll(async () => {
  for (const lease of opened) await lease.release()
  await control.close()
})

function open(name: string, holder: string, onLost: () => void = () => expect.unreachable()): Lease {
  const lease = openLease({ db: control.db, name, holder, logger: pino({ level: 'silent' }), onLost })
  opened.push(lease)
  return lease
}

const soon = { timeout: 10_000 }

test('one has it, another waits until it is given back', async () => {
  const first = open('given', 'a')
  await first.held
  const second = open('given', 'b')
  const isSecond = () => second.isHeld()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect([first.isHeld(), isSecond()]).toEqual([true, false])
  await first.release()
  expect(first.isHeld()).toBe(false)
  await expect.poll(isSecond, soon).toBe(true)
})

test('whoever had it has it again at once, after a death in which nothing was given back', async () => {
  await open('again', 'a').held
  const reborn = open('again', 'a')
  await reborn.held
  expect(reborn.isHeld()).toBe(true)
})

test('one that is over is another’s', async () => {
  await control.db.execute(sql`insert into config_leases (name, holder, until) values ('over', 'a', now())`)
  const second = open('over', 'b')
  await second.held
  expect(second.isHeld()).toBe(true)
})

test('whose lease another has taken is told', async () => {
  let isLost = false
  const first = open('taken', 'a', () => (isLost = true))
  await first.held
  await control.db.execute(sql`update config_leases set holder = 'b' where name = 'taken'`)
  await expect.poll(() => isLost, soon).toBe(true)
})

test('is not held for as long as the store does not confirm it, whichever clock says so', async () => {
  const lease = open('clocks', 'a')
  await lease.held
  const { now } = Date
  Date.now = () => now() + 11_000
  try {
    expect(lease.isHeld()).toBe(false)
  } finally {
    Date.now = now
  }
  expect(lease.isHeld()).toBe(true)
})
