import * as ort from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import type { Feature } from '../../../../core/model/feature.ts'
import type { GbdtModel, Objective } from '../../../../core/model/gbdt/model.ts'
import { addTrees } from '../../../../core/model/gbdt/onnx.ts'
import { gbdtOutputs } from '../../../../core/model/gbdt/outputs.ts'
import { trainGbdt } from '../../../../core/model/gbdt/train.ts'
import { createGraph } from '../../../../core/model/onnx/graph.ts'
import { createRandom } from '../../../../core/model/random.ts'
import { madeFeatures } from '../../../support/made-features.ts'

ort.env.wasm.numThreads = 1

const objectives: readonly Objective[] = [
  { kind: 'regression' },
  { kind: 'binary' },
  { kind: 'multiclass', classes: 3 },
]

/** What ONNX Runtime makes of the file. */
async function run(model: GbdtModel, features: readonly Feature[]): Promise<Float32Array> {
  const graph = createGraph('trees')
  const columns = features.map(({ name }) => graph.input(name, 'float'))
  const x = graph.node('Concat', columns, { attributes: { axis: { int: 1 } } })
  const columnsOut = model.objective.kind === 'binary' ? 2 : model.base.length
  graph.output('y', addTrees(graph, x, model), 'float', columnsOut)
  const session = await ort.InferenceSession.create(graph.bytes())
  const feeds = features.map(
    ({ name, values }) => [name, new ort.Tensor('float32', values, [values.length, 1])] as const,
  )
  const { y } = await session.run(Object.fromEntries(feeds))
  await session.release()
  return y!.data as Float32Array
}

function targetOf(signal: Float64Array, objective: Objective): Float64Array {
  if (objective.kind === 'regression') return signal
  return signal.map((x) => (objective.kind === 'binary' ? Number(x > 0.5) : x < -0.5 ? 0 : x < 1 ? 1 : 2))
}

function farthest(a: Float64Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0)
}

describe('trees as ONNX', () => {
  for (const objective of objectives) {
    // 31 codes are a bitmap in ONNX Runtime, more are a set.
    for (const labels of [2, 20, 32, 255]) {
      it(`say what training says: ${objective.kind}, categories of ${labels}, seen or not, and what is missing`, async () => {
        for (const [i, missing] of [0, 0.2].entries()) {
          const seed = labels * 10 + i
          const { features, signal } = madeFeatures({ rows: 1_500, labels, missing, seed })
          const options = { rounds: 20, minRows: 2, rowSample: 0.9, monotone: [1, -1] as const }
          const model = trainGbdt({ features, target: targetOf(signal, objective), objective, seed, options })
          expect(farthest(gbdtOutputs(model, features), await run(model, features))).toBeLessThan(1e-6)

          const random = createRandom(seed)
          const strange = features.map((feature) => ({
            ...feature,
            values: feature.values.map((x) => {
              if (random() < 0.8) return x
              return random() < 0.5
                ? NaN
                : feature.labels === undefined
                  ? 1e6 * (random() - 0.5)
                  : labels + Math.floor(random() * 500)
            }),
          }))
          expect(farthest(gbdtOutputs(model, strange), await run(model, strange))).toBeLessThan(1e-6)
        }
      })
    }
  }

  it('branch as training does on the thresholds themselves and on their neighbours', async () => {
    const { features, signal } = madeFeatures({ rows: 500, numbers: 1, categories: 0, missing: 0, seed: 9 })
    const model = trainGbdt({ features, target: signal, objective: objectives[0]!, seed: 1, options: { minRows: 1 } })
    const thresholds = new Float32Array(model.trees.flatMap(({ threshold }) => [...threshold]))
    const bits = new Int32Array(thresholds.buffer)
    const around = [-1, 0, 1].flatMap((by) => [...new Float32Array(bits.map((bit) => bit + by).buffer)])
    const column = [{ name: 'number_0', values: Float32Array.from(around) }]
    expect(farthest(gbdtOutputs(model, column), await run(model, column))).toBe(0)
  })

  it('say the base where there is nothing to split, also of what is missing', async () => {
    const features = [{ name: 'constant', values: Float32Array.of(1, 1, NaN) }]
    for (const objective of objectives) {
      const model = trainGbdt({ features, target: Float64Array.of(0, 1, 1), objective, seed: 1 })
      expect(farthest(gbdtOutputs(model, features), await run(model, features))).toBeLessThan(1e-6)
    }
  })
})
