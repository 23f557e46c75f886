import { fromBinary } from '@bufbuild/protobuf'
import { beforeAll, describe, expect, it } from 'vitest'
import { floats } from '#mesh/inference/answers.ts'
import { openModel } from '#mesh/inference/model.ts'
import { type Ort, openOrt } from '#mesh/inference/ort.ts'
import { createSession } from '#mesh/inference/session.ts'
import type { Tensor } from '#mesh/inference/tensor.ts'
import { walkTrees } from '#mesh/inference/walk.ts'
import { ModelProtoSchema } from '#proto/onnx/onnx_pb.ts'
import { createGraph } from '../../../core/model/onnx/graph.ts'
import { createRandom } from '../../../core/model/random.ts'
import type { Table } from '../../../core/model/table.ts'
import { train } from '../../../core/model/train/train.ts'
import { mixedFile, treesFile } from '../../support/model-file.ts'

let ort: Ort
beforeAll(async () => {
  ort = await openOrt()
})

const trained = 1_500
const towns = Array.from({ length: 45 }, (_, at) => `town ${at}`)

/** Two numbers, a category of few labels and one of many, with blanks; targets of every kind hang on them. */
function table(): Table {
  const random = createRandom(23)
  const blank = (value: number, none: number): number => (random() < 0.1 ? none : value)
  const x = Float64Array.from({ length: trained }, () => blank(random() * 10, Number.NaN))
  const z = Float64Array.from({ length: trained }, () => random() * 1e6)
  const plan = Int32Array.from({ length: trained }, () => blank(Math.floor(random() * 3), -1))
  const town = Int32Array.from({ length: trained }, () => blank(Math.floor(random() * towns.length), -1))
  const score = Float64Array.from({ length: trained }, (_, row) => {
    const high = Number.isNaN(x[row]!) ? 7 : x[row]!
    return high + 2 * plan[row]! + ((town[row]! * 7) % 11) / 2 + Math.sin(z[row]! / 1e5) + random()
  })
  const cut = (...at: number[]) => Int32Array.from(score, (one) => at.filter((level) => one > level).length)
  const classes = ['low', 'middle', 'high']
  return {
    rows: trained,
    columns: [
      { name: 'x', kind: 'number', values: x },
      { name: 'plan', kind: 'category', codes: plan, labels: ['basic', 'plus', 'pro'] },
      { name: 'z', kind: 'number', values: z },
      { name: 'town', kind: 'category', codes: town, labels: towns },
      { name: 'amount', kind: 'number', values: score },
      { name: 'two', kind: 'category', codes: cut(8), labels: classes.slice(0, 2) },
      { name: 'three', kind: 'category', codes: cut(6, 10), labels: classes },
    ],
  }
}

/** What training saw, what it never saw, and what is no value at all. */
function rowsOf(count: number): Tensor[] {
  const random = createRandom(5)
  const odd = [Number.NaN, Infinity, -Infinity, -0, 3.4e38, -3.4e38, 1e-40]
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const numbers = (name: string, most: number): Tensor => ({
    name,
    type: 'float',
    dims: [count, 1],
    data: Float32Array.from({ length: count }, () => (random() < 0.3 ? pick(odd) : random() * most)),
  })
  const texts = (name: string, labels: readonly string[]): Tensor => ({
    name,
    type: 'string',
    dims: [count, 1],
    data: Array.from({ length: count }, () => pick([...labels, '', 'never seen'])),
  })
  return [numbers('x', 12), texts('plan', ['basic', 'plus', 'pro']), numbers('z', 2e6), texts('town', towns)]
}

function part(feeds: readonly Tensor[], from: number, to: number): Tensor[] {
  return feeds.map((feed) => ({ ...feed, dims: [to - from, 1], data: feed.data.slice(from, to) }) as Tensor)
}

describe('trees that are walked', () => {
  const data = table()
  const targets = ['amount', 'two', 'three']
  const feeds = rowsOf(1_100)

  it.each(targets)('answer as ONNX Runtime does, whatever the row: %s', (target) => {
    const ignore = targets.filter((name) => name !== target)
    const { onnx } = train({ table: data, target, engine: 'gbdt', seed: 1, options: { ignore, rounds: 40, depth: 7 } })
    const session = walkTrees(fromBinary(ModelProtoSchema, onnx))!
    const other = createSession(ort, onnx)
    expect([session.inputs, session.outputs]).toEqual([other.inputs, other.outputs])
    const [name = ''] = session.outputs
    for (const [from, to] of [
      [0, 1_100],
      [3, 4],
      [5, 7],
      [100, 357],
    ] as const) {
      const [own, expected] = [session, other].map((one) => floats(one.run(part(feeds, from, to)), name))
      expect(own!.dims).toEqual(expected!.dims)
      for (const [at, value] of own!.data.entries()) {
        expect(Math.abs(value - expected!.data[at]!)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(value)))
      }
    }
    const apart = new Set(floats(session.run(feeds), name).data)
    expect(apart.size).toBeGreaterThan(300)
  })

  it('say what they lack', async () => {
    const { session } = await openModel(treesFile({ features: 2 }), () => Promise.reject(new Error('not needed')))
    const f = (name: string, rows: number): Tensor => ({
      name,
      type: 'float',
      dims: [rows, 1],
      data: new Float32Array(rows),
    })
    expect(() => session.run([f('f0', 1)])).toThrow('takes 2 inputs')
    expect(() => session.run([f('f0', 1), f('other', 1)])).toThrow('lacks the input f1')
    expect(() => session.run([f('f0', 2), f('f1', 1)])).toThrow('not as many rows')
    expect(() => session.run([f('f0', 1), { name: 'f1', type: 'string', dims: [1, 1], data: ['x'] }])).toThrow(
      'The input f1 is not of the type string.',
    )
    // In whichever order.
    expect(session.run([f('f1', 3), f('f0', 3)])[0]!.dims).toEqual([3, 2])
  })

  it('are those of a graph whose every node is known', () => {
    expect(walkTrees(fromBinary(ModelProtoSchema, mixedFile()))).toBeUndefined()
    const graph = createGraph('none')
    graph.output('prediction', graph.input('x', 'float'), 'float', 1)
    expect(walkTrees(fromBinary(ModelProtoSchema, graph.bytes()))).toBeUndefined()
  })
})
