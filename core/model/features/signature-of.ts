import { create } from '@bufbuild/protobuf'
import { InputType, Kind, type Signature, SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'
import { featuresOf } from './features-of.ts'
import { outputsOf } from './outputs-of.ts'
import type { FeaturePlan, InputPlan } from './plan.ts'

const kinds = { regression: Kind.REGRESSION, classification: Kind.CLASSIFICATION } as const
const types = { number: InputType.NUMBER, category: InputType.CATEGORY, time: InputType.TIME } as const

/** What a model of this plan takes and gives; without a target it finds `segments`, by these names. */
export function signatureOf(plan: FeaturePlan, segments: readonly string[] = []): Signature {
  const { target } = plan
  const labels = target === undefined ? segments : target.task === 'classification' ? target.labels : []
  return create(SignatureSchema, {
    kind: target === undefined ? Kind.KMEANS : kinds[target.task],
    inputs: plan.inputs.map(inputOf),
    outputs: [...outputsOf(target)],
    target: target?.name ?? '',
    labels: [...labels],
    features: featuresOf(plan).map(({ name, input, labels: codes = [] }) => ({ name, input, labels: [...codes] })),
  })
}

function inputOf(input: InputPlan) {
  const { name, kind, missing } = input
  const seen =
    input.kind === 'category'
      ? { labels: [...input.labels], hasOther: input.other }
      : { min: input.min, max: input.max }
  return { name, type: types[kind], missingSeen: missing > 0, ...seen }
}
