import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { BatchPlan } from '../../../../core/model/batch/message.ts'
import { type Batches, openBatches } from '../../../../core/model/batch/threads.ts'
import { mixedFile, treesFile } from '../../../support/model-file.ts'
import { nativeBlock } from '../../../support/native.ts'

const plan: BatchPlan = {
  format: 'JSONEachRow',
  columns: [],
  hasOwn: true,
  added: [{ name: 'p', output: 'probability' }],
  maxBlockBytes: 1e7,
}
const files: Record<string, Uint8Array> = {
  mixed: mixedFile(),
  other: treesFile({ features: 3, trees: 5 }),
  broken: mixedFile().subarray(0, 2_000),
}
let batches: Batches
const reads: string[] = []

function open(maxModels = 4, idleMs?: number): Batches {
  batches = openBatches({
    async read(sha256) {
      reads.push(sha256)
      return files[sha256]!
    },
    maxThreads: 1,
    maxModels,
    ...(idleMs !== undefined && { idleMs }),
  })
  return batches
}

afterEach(() => batches.close())

/** A block of rows that are wide. */
function block(rows = 100, width = 1_000): Buffer {
  const own = `{"own":"${'x'.repeat(width)}"}\n`
  return nativeBlock([
    { type: 'String', values: Array.from({ length: rows }, () => own) },
    { type: 'LowCardinality(String)', values: Array.from({ length: rows }, () => 'pro') },
    { type: 'Float32', values: Array.from({ length: rows }, (_, at) => at / rows) },
    { type: 'Int64', values: Array.from({ length: rows }, () => 1_600_000_000_000n) },
  ])
}

async function* blocks(count: number, one = block(), onRead: () => void = () => undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) {
    onRead()
    yield one
  }
}

async function textOf(answer: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of answer) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

test('two at once in one thread do not mix, and a model is read once', async () => {
  const { run } = open()
  reads.length = 0
  const both = await Promise.all([textOf(run('mixed', plan, blocks(30))), textOf(run('mixed', plan, blocks(20)))])
  const [long, short] = both.map((text) => text.trimEnd().split('\n'))
  expect([long!.length, short!.length]).toEqual([3_000, 2_000])
  expect(long!.slice(0, 2_000)).toEqual(short)
  expect(JSON.parse(short![7]!)).toEqual({ own: 'x'.repeat(1_000), p: expect.any(Number) })
  expect(reads).toEqual(['mixed'])
})

test('of an answer that nobody reads on little is asked for', async () => {
  const { run } = open()
  let asked = 0
  const answer = run(
    'mixed',
    plan,
    blocks(200, block(), () => asked++),
  )
  await answer.next()
  await sleep(200)
  // Each is 100 KB; four pieces of 256 KB are on their way.
  expect(asked).toBeLessThan(30)
  await answer.return(undefined)
  const [line] = (await textOf(run('mixed', plan, blocks(1)))).split('\n')
  expect(JSON.parse(line!)).toHaveProperty('p')
})

test('what goes wrong is said, and the next batch is answered', async () => {
  const { run } = open()
  await expect(textOf(run('broken', plan, blocks(1)))).rejects.toThrow()
  await expect(textOf(run('mixed', { ...plan, maxBlockBytes: 1_000 }, blocks(1)))).rejects.toMatchObject({
    problem: 'query.result_too_large',
  })
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield* blocks(1)
    throw new Error('the warehouse went away')
  }
  await expect(textOf(run('mixed', plan, failing()))).rejects.toThrow('the warehouse went away')
  expect((await textOf(run('mixed', plan, blocks(1)))).split('\n')).toHaveLength(101)
})

test('a thread that ends amid a batch is an error of that batch, and the next has another', async () => {
  const { run, close } = open()
  const answer = run('mixed', plan, blocks(1_000))
  await answer.next()
  await close()
  await expect(textOf(answer)).rejects.toMatchObject({ problem: 'model.unavailable', retryable: true })
  expect((await textOf(run('mixed', plan, blocks(1)))).split('\n')).toHaveLength(101)
})

test('models that were not used for long give way, but never one that is in use', async () => {
  const { run } = open(1)
  reads.length = 0
  const first = run('mixed', plan, blocks(50))
  await first.next()
  const numbers = nativeBlock([
    { type: 'String', values: ['{"own":1}\n'] },
    ...[1, 2, 3].map((value) => ({ type: 'Float32' as const, values: [value] })),
  ])
  await textOf(run('other', plan, blocks(1, numbers)))
  await textOf(first)
  await textOf(run('mixed', plan, blocks(1)))
  await textOf(run('other', plan, blocks(1, numbers)))
  expect(reads).toEqual(['mixed', 'other', 'other'])
})

test('a thread that has nothing to do ends, and another begins for who comes then', async () => {
  const { run } = open(4, 20)
  reads.length = 0
  const first = await textOf(run('mixed', plan, blocks(1)))
  await sleep(200)
  expect(await textOf(run('mixed', plan, blocks(1)))).toBe(first)
  expect(reads).toEqual(['mixed', 'mixed'])
})
