import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Prediction } from '#mesh/inference/model.ts'
import { openModel } from '#mesh/inference/model.ts'
import { openOrt } from '#mesh/inference/ort.ts'
import { type Inference, startInference } from '../support/inference.ts'
import { mixedFile, treesFile } from '../support/model-file.ts'
import { createRandom } from '../../core/model/random.ts'

let inference: Inference

beforeAll(async () => {
  inference = await startInference()
})

afterAll(() => inference?.stop())

async function predict(hash: string, rows: readonly object[]): Promise<Prediction> {
  const response = await fetch(`${inference.url}${hash}`, { method: 'POST', body: JSON.stringify({ rows }) })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text) as Prediction
}

async function heapBytes(): Promise<number> {
  const response = await fetch(inference.url)
  return ((await response.json()) as { bytes: number }).bytes
}

describe('a model on workerd', () => {
  it('costs nothing before the first prediction', async () => {
    expect(await heapBytes()).toBe(0)
  })

  it('answers as in Node, row by row', async () => {
    const random = createRandom(5)
    const rows = Array.from({ length: 1_000 }, () => ({
      plan: ['free', 'größer', 'pro', 'unheard of', null][Math.floor(random() * 5)],
      ...(random() < 0.8 && { tenure: random() }),
      joined: new Date(Date.UTC(2020) + Math.floor(random() * 1e11)).toISOString(),
    }))
    const here = (await openModel(mixedFile(), openOrt)).predict(rows)
    const there = await predict(inference.add(mixedFile()), rows)
    expect(there).toEqual(here)
    expect(new Set(here.answers.map(({ probability }) => probability)).size).toBeGreaterThan(50)
  })

  it('is loaded once for all who ask at once, and their answers do not mix', async () => {
    const [one, other] = [inference.add(treesFile({ variant: -1 })), inference.add(mixedFile())]
    const rows = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? { f0: at / 40 } : { tenure: at / 40 }))
    const ask = (row: object) => predict('f0' in row ? one : other, [row])
    const together = await Promise.all(rows.map(ask))
    expect(inference.loads.get(one)).toBe(1)
    const apart: Prediction[] = []
    for (const row of rows) apart.push(await ask(row))
    expect(together).toEqual(apart)
  })

  it('leaves no memory behind: two hundred models come and go', async () => {
    for (let variant = 0; variant < 200; variant++) {
      await predict(inference.add(treesFile({ variant })), [{ f0: 0.5 }])
    }
    // It begins with 16 MiB, grows by a fifth at a time, and each of these takes more than one.
    expect(await heapBytes()).toBeLessThan(24 << 20)
  }, 120_000)

  it('is refused where it is not what its hash says', async () => {
    await expect(predict('0'.repeat(64), [{}])).rejects.toThrow('not the file of this hash')
  })
})
