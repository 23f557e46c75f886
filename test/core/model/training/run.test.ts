import { expect, test } from 'vitest'
import { readingOf } from '../../../../core/model/features/reading.ts'
import type { Assignment } from '../../../../core/model/training/message.ts'
import { runTraining } from '../../../../core/model/training/run.ts'

const reading = readingOf([
  { name: 'note', type: 'String' },
  { name: 'left', type: 'String' },
])

function assignment(maxBytes: number): Assignment {
  return {
    definition: { sql: 'SELECT note, left FROM customers', target: 'left', options: {} },
    reading,
    sample: { total: 0, share: 1 },
    seed: 1,
    maxBytes,
  }
}

/** Rows of which no two say the same. Others have no turn between them. */
async function* rows(count: number, onRead: () => void): AsyncGenerator<Uint8Array> {
  for (let row = 0; row < count; row++) {
    const note = Buffer.alloc(100_000, `${row} `)
    onRead()
    yield Buffer.concat([Buffer.from([0xa0, 0x8d, 0x06]), note, Buffer.from([1, 48 + (row % 2)])])
  }
}

test('rows that are more than the table may have are refused, and no more of them are read', async () => {
  let read = 0
  const { signal } = new AbortController()
  const training = runTraining(
    assignment(20_000_000),
    rows(10_000, () => read++),
    { signal, onProgress: () => undefined },
  )
  await expect(training).rejects.toMatchObject({ problem: 'query.result_too_large' })
  expect(read).toBeLessThan(400)
})

test('rows wait for the thread that takes them, but for eight megabytes', async () => {
  let read = 0
  const stop = new AbortController()
  const training = runTraining(
    assignment(1e9),
    rows(1_000, () => read++),
    { signal: stop.signal, onProgress: () => undefined },
  )
  // The thread has yet to begin.
  await new Promise(setImmediate)
  stop.abort()
  await expect(training).rejects.toThrow('aborted')
  expect(read).toBeGreaterThan(80)
  expect(read).toBeLessThan(90)
})
