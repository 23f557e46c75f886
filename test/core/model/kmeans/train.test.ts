import * as ort from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import { addKmeans } from '../../../../core/model/kmeans/add-kmeans.ts'
import { nameSegments } from '../../../../core/model/kmeans/name-segments.ts'
import { nearest } from '../../../../core/model/kmeans/nearest.ts'
import { numbersOfSegments as ks, trainKmeans } from '../../../../core/model/kmeans/train.ts'
import type { Dense } from '../../../../core/model/features/dense.ts'
import type { DensePlan } from '../../../../core/model/features/plan-dense.ts'
import { createGraph } from '../../../../core/model/onnx/graph.ts'
import { createRandom } from '../../../../core/model/random.ts'

ort.env.wasm.numThreads = 1

const names = ['charges', 'tenure', 'calls']
const corners = [
  [1.2, -1, 0],
  [-1, 1, 0.9],
  [0, 0, -1.1],
  [-1.5, -1.5, 0],
]
const random = createRandom(5)
const rows = 2_000
/** Clouds of 800, 600, 400 and 200 rows. */
const cloudOf = (row: number): number => [0, 0, 0, 0, 1, 1, 1, 2, 2, 3][row % 10]!
const values = Float32Array.from(
  { length: rows * 3 },
  (_, at) => corners[cloudOf(Math.floor(at / 3))]![at % 3]! + 0.3 * (random() + random() - 1),
)
const dense: Dense = { rows, names, values }
const plan = planOf(names)

function planOf(names: readonly string[]): DensePlan {
  return { columns: names.map((name, feature) => ({ kind: 'number', name, feature, mean: 0, perDeviation: 1 })) }
}

describe('k-means', () => {
  it('finds how many segments there are and which, the largest first, and names what sets them apart', () => {
    const { segments, centers, tried, silhouette } = trainKmeans({ dense, plan, ks, seed: 1 })
    expect(segments).toEqual([
      { name: 'high charges, low tenure', rows: 800 },
      { name: 'high tenure, high calls', rows: 600 },
      { name: 'low calls', rows: 400 },
      { name: 'low charges, low tenure', rows: 200 },
    ])
    for (const [at, value] of centers.entries()) expect(value).toBeCloseTo(corners[Math.floor(at / 3)]![at % 3]!, 1)
    expect(tried.map(({ k }) => k)).toEqual(ks)
    expect(silhouette).toBe(Math.max(...tried.map(({ silhouette }) => silhouette)))
  })

  it('takes the number of segments that it is given, the same for the same seed', () => {
    const train = () => trainKmeans({ dense, plan, ks: [6], seed: 3 })
    expect(train().segments).toHaveLength(6)
    expect(train()).toEqual(train())
  })

  it('rows that are all the same are one segment', () => {
    const same: Dense = { rows: 40, names: ['x'], values: new Float32Array(40).fill(1) }
    expect(trainKmeans({ dense: same, plan: planOf(['x']), ks, seed: 1 }).segments.map(({ rows }) => rows)).toEqual([
      40,
    ])
  })

  it('can be stopped', () => {
    expect(() => trainKmeans({ dense, plan, ks, seed: 1, signal: AbortSignal.abort() })).toThrow('aborted')
  })

  it('gives no two segments one name, and says of labels how often they are', () => {
    // Of each column half the rows are 1 and half are 0.
    const halves: Dense = {
      rows: 2,
      names: ['charges', 'plan = free', 'tenure'],
      values: Float32Array.of(1, 1, 1, 0, 0, 0),
    }
    const columns = (['number', 'label', 'number'] as const).map((kind) => ({ kind }))
    const centers = Float32Array.of(1, 0.5, 0.5, 1, 0.5, 0.5, 0.5, 1, 0, 0.5, 0, 0.5, 0.5, 0.5, 0.5)
    expect(nameSegments(centers, halves, columns)).toEqual([
      'high charges',
      'high charges (2)',
      'plan = free, low tenure',
      'rarely plan = free',
      'average',
    ])
  })

  it('says in ONNX Runtime what it says here', async () => {
    const model = trainKmeans({ dense, plan, ks: [5], seed: 1 })
    const graph = createGraph('kmeans')
    const inputs = names.map((name) => graph.input(name, 'float'))
    const x = graph.node('Concat', inputs, { attributes: { axis: { int: 1 } } })
    const { segment, distance } = addKmeans(graph, x, model)
    graph.output('segment', segment, 'int64', 1)
    graph.output('distance', distance, 'float', 1)
    const session = await ort.InferenceSession.create(graph.bytes())
    const feeds = names.map((name, i) => {
      const column = Float32Array.from({ length: rows }, (_, row) => values[row * 3 + i]!)
      return [name, new ort.Tensor('float32', column, [rows, 1])] as const
    })
    const said = await session.run(Object.fromEntries(feeds))
    expect(said['segment']!.dims).toEqual([rows, 1])
    const expected = nearest(values, model.centers, 3)
    expect(Array.from(said['segment']!.data as BigInt64Array, Number)).toEqual([...expected.segments])
    for (const [row, value] of (said['distance']!.data as Float32Array).entries()) {
      expect(value).toBeCloseTo(Math.sqrt(expected.distances[row]!), 5)
    }
  })
})
