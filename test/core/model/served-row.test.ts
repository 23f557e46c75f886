import { expect, test } from 'vitest'
import { asAsked, textOf } from '../../../core/model/served-row.ts'

test('a row that no model would take is recorded as it was given, and keeps nobody else from it', () => {
  const features = { toString: 0, list: [1, 'a'], of: { __proto__: null, toString: 1 }, none: null, text: '\ud800' }
  const asked = asAsked({
    workspace: 'main',
    timeMs: 0n,
    requestId: 'req_1',
    row: 0,
    subject: 'ann',
    model: 'churn',
    version: 1,
    arm: '',
    placement: 'fallback',
    features: JSON.stringify(features),
    answer: '{"prediction":"no"}',
  })
  expect(JSON.parse(textOf(asked!, undefined))).toMatchObject({
    features: { toString: '0', list: '[1,"a"]', of: '{"toString":1}', text: '\ufffd' },
    prediction: 'no',
  })
})
