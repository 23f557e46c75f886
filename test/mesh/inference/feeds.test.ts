import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { missingTime } from '#mesh/inference/cells.ts'
import { createFeeder } from '#mesh/inference/feeds.ts'
import { InputType, SignatureSchema } from '#proto/edgewise/model/v1/signature_pb.ts'

const signature = create(SignatureSchema, {
  inputs: [
    { name: 'tenure', type: InputType.NUMBER, min: 0.1, max: 72 },
    { name: 'plan', type: InputType.CATEGORY, labels: ['free', 'pro'], missingSeen: true },
    { name: 'joined', type: InputType.TIME, min: 0, max: 1_000, missingSeen: true },
    { name: 'constructor', type: InputType.NUMBER, missingSeen: true },
    { name: '__proto__', type: InputType.NUMBER, missingSeen: true },
    { name: 'town', type: InputType.CATEGORY, labels: ['Bern'], hasOther: true, missingSeen: true },
  ],
})
const feed = createFeeder(signature)

describe('rows', () => {
  it('become one tensor a feature, in the order of the signature, whatever their own order', () => {
    const rows = [
      { plan: 'pro', tenure: '12' },
      { joined: 1, tenure: 0.1, plan: null, town: 'Chur' },
    ]
    expect(feed(rows)).toEqual({
      feeds: [
        { name: 'tenure', type: 'float', dims: [2, 1], data: Float32Array.of(12, 0.1) },
        { name: 'plan', type: 'string', dims: [2, 1], data: ['pro', ''] },
        { name: 'joined', type: 'int64', dims: [2, 1], data: BigInt64Array.of(missingTime, 1_000n) },
        { name: 'constructor', type: 'float', dims: [2, 1], data: Float32Array.of(NaN, NaN) },
        { name: '__proto__', type: 'float', dims: [2, 1], data: Float32Array.of(NaN, NaN) },
        { name: 'town', type: 'string', dims: [2, 1], data: ['', 'Chur'] },
      ],
      warnings: [],
    })
  })

  it('may name a feature as objects name their own things', () => {
    const fed = feed([JSON.parse('{"tenure": 1, "__proto__": 7, "constructor": 8}')])
    expect('feeds' in fed && fed.feeds.slice(3, 5).map(({ data }) => data)).toEqual([
      Float32Array.of(8),
      Float32Array.of(7),
    ])
  })

  it('are answered with a warning, once a feature, where training saw nothing like it', () => {
    const rows = [{ tenure: 1 }, { plan: 'gold' }, { tenure: 73, plan: 'gold', joined: 2 }, { tenure: ' ' }]
    expect(feed(rows)).toMatchObject({
      warnings: [
        { code: 'unknown_label', feature: 'plan', rows: 2, pointer: '/rows/1/plan' },
        { code: 'out_of_range', feature: 'tenure', rows: 1, pointer: '/rows/2/tenure' },
        { code: 'out_of_range', feature: 'joined', rows: 1, pointer: '/rows/2/joined' },
        { code: 'missing', feature: 'tenure', rows: 2, pointer: '/rows/1/tenure' },
      ],
    })
  })

  it('are refused with the place and the way out where they do not fit', () => {
    expect(feed([{ tenure: 1 }, { tenur: 1 }, { tenure: 'long', joined: 'x', plan: {}, 'a/b~': 1 }, 7])).toEqual({
      problems: [
        { pointer: '/rows/1/tenur', reason: 'is not a feature of the model; did you mean `tenure`?' },
        { pointer: '/rows/2/tenure', reason: 'must be a number, or a text that is one' },
        { pointer: '/rows/2/joined', reason: 'must be a time of ISO 8601, or seconds or milliseconds since 1970' },
        { pointer: '/rows/2/plan', reason: 'must be a text' },
        { pointer: '/rows/2/a~1b~0', reason: 'is not a feature of the model' },
        { pointer: '/rows/3', reason: 'must be an object of features' },
      ],
    })
  })

  it('are refused with at most twenty reasons', () => {
    const fed = feed(Array.from({ length: 1_000 }, () => ({ a: 1, b: 2, c: 3 })))
    expect('problems' in fed && fed.problems).toHaveLength(20)
  })

  it.each([0, 1_001])('are not %d', (count) => {
    expect(feed(Array.from({ length: count }, () => ({})))).toEqual({
      problems: [{ pointer: '/rows', reason: 'must be 1 to 1000 rows' }],
    })
  })
})
