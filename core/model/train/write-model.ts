import { toJsonString } from '@bufbuild/protobuf'
import { type Signature, SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'
import { addDense } from '../features/add-dense.ts'
import { addFeatures } from '../features/add-features.ts'
import type { DensePlan } from '../features/plan-dense.ts'
import type { FeaturePlan } from '../features/plan.ts'
import { signatureOf } from '../features/signature-of.ts'
import { coversOf } from '../gbdt/onnx.ts'
import { addKmeans } from '../kmeans/add-kmeans.ts'
import type { KmeansModel } from '../kmeans/model.ts'
import { createGraph } from '../onnx/graph.ts'
import { addFitted, type Fitted } from './fit.ts'

export interface Artefact {
  /** The file: raw columns in, answers out, the signature in its metadata. */
  readonly onnx: Uint8Array<ArrayBuffer>
  readonly signature: Signature
}

/** Everything from raw columns to the answer as one ONNX file. The same model gives the same bytes. */
export function writePrediction(plan: FeaturePlan, fitted: Fitted): Artefact {
  const signature = signatureOf(plan)
  const graph = createGraph('edgewise')
  const answer = addFitted(graph, addFeatures(graph, plan), fitted)
  for (const { name, columns } of signature.outputs) graph.output(name, answer, 'float', columns)
  return { onnx: graph.bytes({ ...metadataOf(signature), ...forExplanations(fitted) }), signature }
}

export function writeSegments(plan: FeaturePlan, dense: DensePlan, model: KmeansModel): Artefact {
  const signature = signatureOf(
    plan,
    model.segments.map(({ name }) => name),
  )
  const graph = createGraph('edgewise')
  const { segment, distance } = addKmeans(graph, addDense(graph, addFeatures(graph, plan), dense), model)
  graph.output('segment', segment, 'int64', 1)
  graph.output('distance', distance, 'float', 1)
  return { onnx: graph.bytes(metadataOf(signature)), signature }
}

/** What explaining an answer takes and predicting it does not: of a linear model, of each column its feature and mean. */
function forExplanations(fitted: Fitted): Readonly<Record<string, string>> {
  if (fitted.engine === 'gbdt') return { covers: coversOf(fitted.model) }
  const columns = fitted.plan.columns.map(({ feature }, i) => ({ feature, mean: fitted.model.means[i]! }))
  return { columns: JSON.stringify(columns) }
}

function metadataOf(signature: Signature): Readonly<Record<string, string>> {
  return { signature: toJsonString(SignatureSchema, signature) }
}
