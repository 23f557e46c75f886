import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Kind, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { type ModelProto, ModelProtoSchema, ValueInfoProtoSchema } from '#proto/onnx/onnx_pb.ts'
import type { Answer } from './answers.ts'
import { openMatrix } from './matrix.ts'
import type { Ort } from './ort.ts'
import { readTrees } from './read-trees.ts'
import { createSession } from './session.ts'
import type { Tensor } from './tensor.ts'
import { treeShap } from './tree-shap.ts'

/** Why an answer is what it is: what each raw column adds to the score, away from where nothing is known of the row. */
export interface Explanation {
  /** Of a classification: whose score. Scores are log-odds there, and the prediction itself in a regression. */
  readonly of?: string
  /** The score where nothing is known. */
  readonly base: number
  /** With `base` they sum to the score. The most telling first. */
  readonly contributions: Readonly<Record<string, number>>
}

export interface Explainer {
  /** In the order of the rows; `answers` are what the model said of them. */
  explain(feeds: readonly Tensor[], answers: readonly Answer[]): Explanation[]
  release(): void
}

interface Scores {
  /** The matrix that the scores are made of, as the graph names it: [rows, columns]. */
  readonly matrix: string
  readonly columns: number
  /** Which feature of the signature each column of the matrix is made of. */
  readonly featureOf: (column: number) => number
  /** Of one row, for one score. */
  of(row: Float32Array, score: number): { readonly base: number; readonly contributions: Float64Array }
}

/**
 * Exact contributions from a file of ours: TreeSHAP (Lundberg et al. 2020) where it has trees, coefficients times
 * deviations (Štrumbelj & Kononenko 2014) where it is linear. Undefined where there is neither. Features that are made of
 * one column, as the hour and the weekday of a time, count together.
 */
export function openExplainer(file: Uint8Array, signature: Signature, ort: Ort | undefined): Explainer | undefined {
  const model = fromBinary(ModelProtoSchema, file)
  const scores = scoresOfTrees(model, signature) ?? scoresOfLinear(model)
  if (scores === undefined) return undefined
  const { matrixOf, release } = matrixSession(model, scores.matrix, ort)
  const { kind, labels, inputs: columns, features } = signature
  const isBinary = kind === Kind.CLASSIFICATION && labels.length === 2

  return {
    explain(feeds, answers) {
      const matrix = matrixOf(feeds)
      return answers.map(({ prediction }, at) => {
        const row = matrix.slice(at * scores.columns, (at + 1) * scores.columns)
        const label = labels.indexOf(String(prediction))
        const { base, contributions } = scores.of(row, kind === Kind.CLASSIFICATION && !isBinary ? label : 0)
        // Of two classes the score is that of the second.
        const sign = isBinary && label === 0 ? -1 : 1
        const sums = new Map<string, number>()
        for (const [column, contribution] of contributions.entries()) {
          const { name } = columns[features[scores.featureOf(column)]!.input]!
          sums.set(name, (sums.get(name) ?? 0) + sign * contribution)
        }
        const telling = [...sums].sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
        return {
          ...(kind === Kind.CLASSIFICATION && { of: String(prediction) }),
          base: sign * base,
          contributions: Object.fromEntries(telling),
        }
      })
    },
    release,
  }
}

/** The matrix of a graph: made by us, else by the same graph up to it. */
function matrixSession(model: ModelProto, name: string, ort: Ort | undefined) {
  const own = openMatrix(model, name)
  if (own !== undefined) return { matrixOf: (feeds: readonly Tensor[]) => own.of(feeds).data, release() {} }
  if (ort === undefined) throw new Error('The matrix takes ONNX Runtime.')
  model.graph!.output = [create(ValueInfoProtoSchema, { name, type: matrixType })]
  const session = createSession(ort, toBinary(ModelProtoSchema, model))
  const inputs = new Set(session.inputs)
  return {
    matrixOf(feeds: readonly Tensor[]): Float32Array {
      const [matrix] = session.run(feeds.filter((feed) => inputs.has(feed.name)))
      if (matrix?.type !== 'float') throw new Error('The matrix is not of numbers.')
      return matrix.data
    },
    release: session.release,
  }
}

/** float [rows, columns]; ONNX's TensorProto.DataType. */
const matrixType = { value: { case: 'tensorType' as const, value: { elemType: 1 } } }

function scoresOfTrees(model: ModelProto, { features }: Signature): Scores | undefined {
  const found = readTrees(model)
  if (found === undefined || !found.isCovered) return undefined
  const { matrix, trees, base } = found
  return {
    matrix,
    columns: features.length,
    featureOf: (column) => column,
    of(row, score) {
      const said = treeShap(trees[score] ?? [], row)
      return { base: said.base + (base[score] ?? 0), contributions: said.contributions }
    },
  }
}

/** As training writes it: a Gemm over the matrix, and in the metadata of each column its feature and its mean. */
function scoresOfLinear(model: ModelProto): Scores | undefined {
  const text = model.metadataProps.find(({ key }) => key === 'columns')?.value
  const gemm = model.graph?.node.find(({ opType }) => opType === 'Gemm')
  if (text === undefined || gemm === undefined) return undefined
  const columns = JSON.parse(text) as readonly { readonly feature: number; readonly mean: number }[]
  const [matrix = '', weightsName, interceptsName] = gemm.input
  const floats = (name: string | undefined): Float32Array => {
    const raw = model.graph!.initializer.find((one) => one.name === name)?.rawData
    return new Float32Array(new Uint8Array(raw ?? []).buffer)
  }
  const [weights, intercepts] = [floats(weightsName), floats(interceptsName)]
  const width = columns.length
  return {
    matrix,
    columns: width,
    featureOf: (column) => columns[column]!.feature,
    of(row, score) {
      const own = weights.subarray(score * width, (score + 1) * width)
      return {
        base: columns.reduce((sum, { mean }, at) => sum + own[at]! * mean, intercepts[score] ?? 0),
        contributions: Float64Array.from(row, (value, at) => own[at]! * (value - columns[at]!.mean)),
      }
    },
  }
}
