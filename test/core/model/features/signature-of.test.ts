import { fromJsonString, toJson } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'
import { planFeatures } from '../../../../core/model/features/plan-features.ts'
import { signatureOf } from '../../../../core/model/features/signature-of.ts'
import { numbers, table, texts, times } from './fixture.ts'

const rows = table(
  texts('plan', ['free', 'pro', null, 'pro']),
  times('since', [0, 86_400_000, 172_800_000, 0]),
  numbers('seats', [1, 2, 5, 0.5]),
  texts('churned', ['yes', 'no', 'no', 'yes']),
)

it('says what a model takes and gives', () => {
  expect(toJson(SignatureSchema, signatureOf(planFeatures(rows, { target: 'churned' })))).toEqual({
    kind: 'KIND_CLASSIFICATION',
    target: 'churned',
    labels: ['no', 'yes'],
    inputs: [
      { name: 'seats', type: 'INPUT_TYPE_NUMBER', min: 0.5, max: 5 },
      { name: 'plan', type: 'INPUT_TYPE_CATEGORY', missingSeen: true, labels: ['pro', 'free'] },
      { name: 'since', type: 'INPUT_TYPE_TIME', min: 0, max: 172_800_000 },
    ],
    outputs: [{ name: 'probabilities', type: 'float', columns: 2 }],
    features: [
      { name: 'seats' },
      { name: 'plan', input: 1, labels: ['pro', 'free'] },
      { name: 'since.days', input: 2 },
      { name: 'since.day', input: 2 },
      { name: 'since.weekday', input: 2, labels: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] },
    ],
  })
})

it('is read again as it was written', () => {
  const signature = signatureOf(planFeatures(rows), ['few seats', 'many seats'])
  expect(fromJsonString(SignatureSchema, JSON.stringify(toJson(SignatureSchema, signature)))).toEqual(signature)
  expect(signature.outputs.map(({ name }) => name)).toEqual(['segment', 'distance'])
})
