import * as reference from 'onnxruntime-web'
import { beforeAll, describe, expect, it } from 'vitest'
import { createFeeder } from '#mesh/inference/feeds.ts'
import { type Model, openModel } from '#mesh/inference/model.ts'
import { type Ort, openOrt } from '#mesh/inference/ort.ts'
import { createSession } from '#mesh/inference/session.ts'
import { readSignature } from '#mesh/inference/signature.ts'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { Kind } from '#proto/edgewise/model/v1/signature_pb.ts'
import { mixedFile, treesFile } from '../../support/model-file.ts'
import { createRandom } from '../../../core/model/random.ts'

reference.env.wasm.numThreads = 1

let ort: Ort
let model: Model

beforeAll(async () => {
  ort = await openOrt()
  model = await openModel(mixedFile(), async () => ort)
})

function mixedRows(count: number): object[] {
  const random = createRandom(11)
  return Array.from({ length: count }, () => ({
    plan: ['free', 'größer', 'pro', 'unheard of', '', null][Math.floor(random() * 6)],
    tenure: random() < 0.2 ? ' ' : random(),
    ...(random() < 0.8 && { joined: Date.UTC(2020) + Math.floor(random() * 1e11) }),
  }))
}

/** The same file and tensors, run by ONNX Runtime's own JavaScript. */
async function byReference(file: Uint8Array, feeds: readonly Tensor[]): Promise<number[]> {
  const session = await reference.InferenceSession.create(file)
  const tensors = feeds.map(({ name, type, data, dims }) => {
    const shape = [...dims]
    if (type === 'float') return [name, new reference.Tensor('float32', data, shape)] as const
    if (type === 'int64') return [name, new reference.Tensor('int64', data, shape)] as const
    return [name, new reference.Tensor('string', [...data], shape)] as const
  })
  const { probabilities } = await session.run(Object.fromEntries(tensors))
  return [...(probabilities!.data as Float32Array)]
}

describe('a model', () => {
  it('answers as ONNX Runtime itself, to the bit, call after call of different sizes', async () => {
    const rows = mixedRows(1_000)
    const fed = createFeeder(model.signature)(rows)
    if ('problems' in fed) throw new Error(JSON.stringify(fed.problems))
    const expected = await byReference(mixedFile(), fed.feeds)
    const { answers } = model.predict(rows, { probabilities: true })
    expect(answers.flatMap(({ probabilities }) => [probabilities!['no'], probabilities!['yes']])).toEqual(expected)
    for (const size of [1, 1, 7, 1, 300, 7]) {
      for (let start = 0; start + size <= rows.length; start += size * 37) {
        const some = model.predict(rows.slice(start, start + size), { probabilities: true })
        expect(some.answers).toEqual(answers.slice(start, start + size))
      }
    }
  })

  it('keeps the labels of its calls apart, however many there are', () => {
    const rows = Array.from({ length: 300 }, (_, at) => ({
      plan: ['pro', 'free', `plan ${at}`, 'x'.repeat(at)][at % 4],
    }))
    const { answers } = model.predict(rows)
    for (const [at, row] of rows.entries()) expect(model.predict([row]).answers[0]).toEqual(answers[at])
    expect(new Set(answers.map(({ probability }) => probability)).size).toBe(3)
  })

  it('says which rows it does not take', () => {
    expect(() => model.predict([{ plan: 'pro' }, { plann: 'pro' }])).toThrow(
      expect.objectContaining({
        problem: 'request.invalid',
        errors: [expect.objectContaining({ pointer: '/rows/1/plann' })],
      }),
    )
  })

  it('has its signature in its file', () => {
    expect(model.signature).toMatchObject({ kind: Kind.CLASSIFICATION, target: 'churned', labels: ['no', 'yes'] })
    expect(readSignature(treesFile({ trees: 1 })).inputs).toHaveLength(20)
    expect(() => readSignature(new Uint8Array(0))).toThrow('none of ours')
  })

  it('refuses tensors that are not its own, and goes on', () => {
    const [plan, tenure, joined] = ['plan', 'tenure', 'joined'].map((name): Tensor => ({
      name,
      type: 'float',
      dims: [1, 1],
      data: Float32Array.of(1),
    })) as [Tensor, Tensor, Tensor]
    expect(() => model.session.run([plan, tenure])).toThrow('takes 3 inputs')
    expect(() => model.session.run([plan, tenure, { ...joined, name: 'other' }])).toThrow('no input other')
    expect(() => model.session.run([plan, tenure, joined])).toThrow(/cannot be run.*Unexpected input data type/s)
    expect(model.predict([{ plan: 'pro' }]).answers).toHaveLength(1)
  })

  it('is no model where the file is broken, and the next one still loads', async () => {
    const file = mixedFile()
    await expect(openModel(file.subarray(0, file.length / 2), async () => ort)).rejects.toThrow()
    const other = await openModel(file, async () => ort)
    expect(other.predict([{ plan: 'pro' }])).toEqual(model.predict([{ plan: 'pro' }]))
    other.release()
    other.release()
    expect(() => other.predict([{ plan: 'pro' }])).toThrow('was released')
  })

  it('leaves no memory behind: sixty models, one after the other', () => {
    const feeds = Array.from({ length: 20 }, (_, at) => tensor(`f${at}`, 100))
    for (let variant = 0; variant < 60; variant++) {
      const one = createSession(ort, treesFile({ variant }))
      one.run(feeds)
      one.release()
    }
    // It begins with 16 MiB, grows by a fifth at a time, and each of these takes more than one.
    expect(ort.HEAPU8.byteLength).toBeLessThan(24 << 20)
  })

  it('takes ONNX Runtime only where it has to', async () => {
    const never = (): Promise<Ort> => Promise.reject(new Error('asked for'))
    const trees = await openModel(treesFile(), never)
    expect(trees.predict([{ f0: 0.5 }]).answers).toHaveLength(1)
    await expect(openModel(mixedFile(), never)).rejects.toThrow('asked for')
  })
})

function tensor(name: string, rows: number): Tensor {
  return { name, type: 'float', dims: [rows, 1], data: new Float32Array(rows).fill(0.5) }
}
