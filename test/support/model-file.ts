import { create, type MessageInitShape, toJsonString } from '@bufbuild/protobuf'
import { type InputSchema, InputType, Kind, SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'
import { createGraph, type Value } from '../../core/model/onnx/graph.ts'
import { createRandom } from '../../core/model/random.ts'

interface TreesOptions {
  readonly trees?: number
  readonly depth?: number
  readonly features?: number
  /** Makes it another file with the same answers. */
  readonly variant?: number
}

/** An ONNX file of random full trees on columns `f0`, `f1`, … of numbers in [0, 1). Two classes, `no` and `yes`. */
export function treesFile({
  trees = 100,
  depth = 6,
  features = 20,
  variant = 0,
}: TreesOptions = {}): Uint8Array<ArrayBuffer> {
  const graph = createGraph('trees')
  const columns = Array.from({ length: features }, (_, at) => graph.input(`f${at}`, 'float'))
  const matrix = graph.node('Concat', columns, { attributes: { axis: { int: 1 } } })
  graph.output('probabilities', chances(graph, ensemble(graph, matrix, { trees, depth, features })), 'float', 2)
  const inputs = columns.map((name): Input => ({ name, type: InputType.NUMBER, min: 0, max: 1, missingSeen: true }))
  return graph.bytes({ variant: String(variant), signature: signatureOf(inputs) })
}

/** A file with a column of every type, trees behind it, and something missing in each. */
export function mixedFile(): Uint8Array<ArrayBuffer> {
  const graph = createGraph('mixed')
  const plans = ['free', 'größer', 'pro']
  const plan = graph.node('LabelEncoder', [graph.input('plan', 'string')], {
    domain: 'ai.onnx.ml',
    attributes: {
      keys_strings: { strings: plans },
      values_floats: { floats: [0.2, 0.5, 0.8] },
      default_float: { float: Number.NaN },
    },
  })
  const tenure = graph.input('tenure', 'float')
  const joined = graph.input('joined', 'int64')
  const day = graph.node('Mod', [
    graph.node('Div', [joined, graph.constant(BigInt64Array.of(86_400_000n), [1])]),
    graph.constant(BigInt64Array.of(7n), [1]),
  ])
  const weekday = graph.node('Mul', [
    graph.node('Cast', [day], { attributes: { to: { int: 1 } } }),
    graph.constant(Float32Array.of(1 / 7), [1]),
  ])
  const matrix = graph.node('Concat', [plan, tenure, weekday], { attributes: { axis: { int: 1 } } })
  const score = ensemble(graph, matrix, { trees: 30, depth: 5, features: 3 })
  graph.output('probabilities', chances(graph, score), 'float', 2)
  const inputs: Input[] = [
    { name: 'plan', type: InputType.CATEGORY, labels: plans },
    { name: 'tenure', type: InputType.NUMBER, min: 0, max: 1, missingSeen: true },
    { name: 'joined', type: InputType.TIME, min: Date.UTC(2020), max: Date.UTC(2026) },
  ]
  return graph.bytes({ signature: signatureOf(inputs) })
}

type Input = MessageInitShape<typeof InputSchema>

function signatureOf(inputs: Input[]): string {
  const kind = Kind.CLASSIFICATION
  return toJsonString(
    SignatureSchema,
    create(SignatureSchema, { kind, target: 'churned', labels: ['no', 'yes'], inputs }),
  )
}

type Graph = ReturnType<typeof createGraph>

/** [rows, 1] of log-odds → [rows, 2]. */
function chances(graph: Graph, score: Value): Value {
  const yes = graph.node('Sigmoid', [score])
  const no = graph.node('Sub', [graph.constant(Float32Array.of(1), [1]), yes])
  return graph.node('Concat', [no, yes], { attributes: { axis: { int: 1 } } })
}

/** https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html */
function ensemble(
  graph: Graph,
  matrix: Value,
  { trees, depth, features }: Required<Omit<TreesOptions, 'variant'>>,
): Value {
  const random = createRandom(7)
  const inner = 2 ** depth - 1
  const firstOfLastLevel = 2 ** (depth - 1) - 1
  const count = trees * inner
  const nodes = Array.from({ length: count }, (_, at) => {
    const [tree, node] = [Math.floor(at / inner), at % inner]
    const last = node >= firstOfLastLevel
    const child = last ? tree * (inner + 1) + (node - firstOfLastLevel) * 2 : tree * inner + 2 * node + 1
    return { feature: Math.floor(random() * features), split: random(), child, last, missing: random() < 0.5 }
  })
  const leaves = Float32Array.from({ length: trees * (inner + 1) }, () => (random() - 0.5) * 0.2)
  return graph.node('TreeEnsemble', [matrix], {
    domain: 'ai.onnx.ml',
    attributes: {
      n_targets: { int: 1 },
      aggregate_function: { int: 1 },
      post_transform: { int: 0 },
      tree_roots: { ints: Array.from({ length: trees }, (_, tree) => tree * inner) },
      nodes_featureids: { ints: nodes.map(({ feature }) => feature) },
      nodes_modes: { tensor: new Uint8Array(count), dims: [count] },
      nodes_splits: { tensor: Float32Array.from(nodes, ({ split }) => split), dims: [count] },
      nodes_missing_value_tracks_true: { ints: nodes.map(({ missing }) => Number(missing)) },
      nodes_truenodeids: { ints: nodes.map(({ child }) => child) },
      nodes_trueleafs: { ints: nodes.map(({ last }) => Number(last)) },
      nodes_falsenodeids: { ints: nodes.map(({ child }) => child + 1) },
      nodes_falseleafs: { ints: nodes.map(({ last }) => Number(last)) },
      leaf_targetids: { ints: Array.from(leaves, () => 0) },
      leaf_weights: { tensor: leaves, dims: [leaves.length] },
    },
  })
}
