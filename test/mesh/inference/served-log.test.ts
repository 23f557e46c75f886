import { describe, expect, test } from 'vitest'
import { createServedLog, type Served, type ServedRow } from '#mesh/inference/served-log.ts'

const of = {
  workspace: 'main',
  requestId: 'r1',
  subject: 's1',
  model: 'churn',
  version: 3,
  arm: 'base',
  placement: 'edge',
  share: 1,
}

function start({ fails = false, random = () => 0 }: { fails?: boolean; random?: () => number } = {}) {
  const written: (readonly ServedRow[])[] = []
  const work: Promise<unknown>[] = []
  let dropped = 0
  const log = createServedLog({
    write: async (rows) => {
      if (fails) throw new Error('not now')
      written.push(rows)
    },
    now: () => 1_000,
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    onDropped: (count) => (dropped += count),
    random,
  })
  return {
    written,
    record: (served: Partial<Served> & Pick<Served, 'rows'>) =>
      log.record(
        { ...of, answers: served.rows.map(() => ({ prediction: 1 })), ...served },
        {
          waitUntil: (promise) => void work.push(promise),
        },
      ),
    dropped: () => dropped,
    settled: () => Promise.all(work),
    busy: () => work.length > 0,
  }
}

describe('predictions that were served', () => {
  test('are written with what was asked, row by row', async () => {
    const log = start()
    log.record({ rows: [{ a: 1 }, { a: null }], answers: [{ prediction: 'yes' }, { prediction: 'no' }] })
    await log.settled()
    const { share: _, ...rest } = of
    expect(log.written).toEqual([
      [
        { ...rest, timeMs: 1_000n, row: 0, features: '{"a":1}', answer: '{"prediction":"yes"}' },
        { ...rest, timeMs: 1_000n, row: 1, features: '{"a":null}', answer: '{"prediction":"no"}' },
      ],
    ])
  })

  test('cost the answer nothing: no row is made text of before it', async () => {
    const log = start()
    let made = false
    log.record({ rows: [{ toJSON: () => (made = true) }] })
    expect(made).toBe(false)
    await log.settled()
    expect(made).toBe(true)
  })

  test('are a sample of their rows, by the share', async () => {
    const draws = [0.05, 0.5, 0.09, 0.1]
    const log = start({ random: () => draws.shift()! })
    log.record({ rows: [{ a: 0 }, { a: 1 }, { a: 2 }, { a: 3 }], share: 0.1 })
    await log.settled()
    expect(log.written.flat().map(({ row }) => row)).toEqual([0, 2])
  })

  test('are not kept where nobody asked for that', () => {
    const log = start()
    log.record({ rows: [{ a: 1 }], share: 0 })
    expect(log.busy()).toBe(false)
  })

  test('of several requests go together, at most a thousand at once', async () => {
    const log = start()
    for (let request = 0; request < 3; request++) log.record({ rows: Array.from({ length: 800 }, (_, a) => ({ a })) })
    await log.settled()
    expect(log.written.map((rows) => rows.length)).toEqual([1_000, 1_000, 400])
  })

  test('that there is no room for are lost, and counted', async () => {
    const log = start()
    const rows = Array.from({ length: 100 }, () => ({ a: 'x'.repeat(60_000) }))
    log.record({ rows: [...rows, { a: 'x'.repeat(70_000) }] })
    await log.settled()
    expect(log.written.flat().length).toBe(69)
    expect(log.dropped()).toBe(32)
    log.record({ rows: [{ a: 1 }] })
    await log.settled()
    expect(log.written.flat().length).toBe(70)
  })

  test('that cannot be written are lost, and counted', async () => {
    const log = start({ fails: true })
    log.record({ rows: [{ a: 1 }, { a: 2 }] })
    await log.settled()
    expect(log.dropped()).toBe(2)
  })
})
