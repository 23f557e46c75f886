import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { VersionSchema } from '#proto/edgewise/model/v1/model_pb.ts'
import { createEdge, createFakeCore, problemOf } from '../../support.ts'

const evil = '<script>alert(1)</script>'
const common = {
  rows: { used: 1_200, dropped: 3 },
  notes: [{ column: evil, finding: evil, action: evil }],
  sample: { total: 1_203, share: 1, sha256: 'f'.repeat(64) },
  seed: 42,
  limits: [`It is worst where ${evil}.`],
  lineage: {
    query: `SELECT * FROM t WHERE x = '${evil}'`,
    parent: 1,
    code: 'edgewise 0.1.0',
    options: { engine: 'gbdt' },
    description: evil,
    license: 'CC-BY-4.0',
    tags: [evil],
  },
}
const prediction = {
  ...common,
  task: 'classification',
  target: 'left',
  labels: ['no', evil],
  inputs: [evil],
  metric: 'auc',
  tried: [{ name: 'linear', mean: 0.8, sd: null, parameters: { l2: 0.1 } }],
  chosen: 'linear',
  parameters: { engine: 'linear' },
  beatsBaseline: true,
  holdout: {
    rows: 240,
    split: 'stratified',
    metrics: { auc: 0.8432, accuracy: 0.81 },
    baseline: { says: `always ${evil}`, metrics: { auc: 0.5, accuracy: 0.7 } },
    calibration: { expectedError: 0.021, bins: [{ from: 0, to: 0.1, rows: 200, said: 0.04, came: 0.05 }] },
    slices: [{ column: evil, condition: `= ${evil}`, rows: 31, value: 0.6 }],
    importance: [
      { column: evil, loss: 0.2 },
      { column: 'b', loss: -0.01 },
    ],
  },
}
const series = { ...common, target: 'value', time: 'hour', by: ['shop'], count: 1, left: [{ key: evil, reason: evil }] }
const forecast = {
  ...series,
  task: 'forecast',
  horizon: 2,
  series: [{ series: [evil], points: 9, seasons: [24], methods: ['Theta'], mase: 0.5, baseline_mase: 1, tried: [] }],
  drawings: [
    {
      series: [evil],
      past: [
        [0, 1],
        [1, null],
        [2, 2],
      ],
      ahead: [[3, 2, 1, 3, 0, 4]],
    },
  ],
}
const anomaly = {
  ...series,
  task: 'anomaly',
  rate: 0.001,
  series: [{ series: [evil], seasons: [], alarms: 1 }],
  alarms: [
    {
      series: [evil],
      begin: '2026-01-01T00:00:00.000Z',
      end: '2026-01-01T01:30:00.000Z',
      value: 1,
      expected: 5,
      score: -9,
      points: 2,
    },
  ],
  drawings: [
    {
      series: [evil],
      past: [
        [0, 1, 2],
        [5, 1, 3],
      ],
      alarms: [[1, 2]],
    },
  ],
}
const segments = {
  ...common,
  task: 'segments',
  inputs: ['a'],
  segments: [{ name: evil, rows: 1_200 }],
  silhouette: 0.4,
  tried: [{ k: 2, silhouette: 0.4 }],
}

function edgeWith(card: object | undefined, version: MessageInitShape<typeof VersionSchema> = {}) {
  const fake = createFakeCore()
  const found = create(VersionSchema, {
    name: 'churn',
    version: 2,
    status: 'ready',
    live: true,
    engine: 'gbdt',
    sha256: 'a'.repeat(64),
    bytes: 12_345n,
    createdAt: timestampFromMs(Date.UTC(2026, 0, 1)),
    card: card === undefined ? '' : JSON.stringify(card),
    ...version,
  })
  Object.assign(fake.core, { model: { getVersion: async () => found } })
  const edge = createEdge({ fake })
  const key = fake.key({ scopes: ['models:read'] })
  return (accept?: string) => edge.get('/v1/models/churn/card', key, accept === undefined ? {} : { accept })
}

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

describe('the card of a model', () => {
  test.each([undefined, '*/*', 'application/json', 'text/html;q=0.5, application/json'])(
    'is JSON for whoever accepts %s',
    async (accept) => {
      const response = await edgeWith(prediction)(accept)
      expect(response.headers.get('content-type')).toContain('application/json')
      expect(response.headers.get('vary')).toContain('Accept')
      expect(await response.json()).toEqual(prediction)
    },
  )

  test('is a page for browsers: one file that asks for nothing and runs nothing', async () => {
    const response = await edgeWith(prediction)(browser)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(response.headers.get('vary')).toContain('Accept')
    expect(response.headers.get('cache-control')).toBe('private, no-cache')
    const policy = response.headers.get('content-security-policy') ?? ''
    const text = await response.text()
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? []
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style)))
    expect(policy).toContain(`default-src 'none'; style-src 'sha256-${btoa(String.fromCharCode(...digest))}';`)
    expect(text).not.toMatch(/<script|<link|<img|<iframe|\sstyle=|\son\w+=|src=|url\(/)
  })

  test.each([
    [
      'a prediction',
      prediction,
      ['How good it is', 'What its probabilities are worth', '0.843', 'naive answer: 0.5', '240'],
    ],
    [
      'a regression',
      { ...prediction, task: 'regression', metric: 'rmse', labels: [] },
      ['a number', 'Where it is worst'],
    ],
    ['a forecast', forecast, ['A forecast of', '0.5 ×', 'class="of80"', 'within 80 %']],
    ['alarms', anomaly, ['2026-01-01 01:30', 'class="alarm"', 'What is ordinary']],
    ['segments', segments, ['Groups of rows', 'silhouette']],
  ])(
    'shows %s, with what it is not good for and where it comes from, and nothing unescaped',
    async (_, card, words) => {
      const text = await (await edgeWith(card)(browser)).text()
      const every = [
        'What it was trained from',
        'What it is not good for',
        'Where it comes from',
        'CC-BY-4.0',
        'churn@1',
      ]
      for (const word of [...words, ...every, 'f'.repeat(64), 'a'.repeat(64)]) expect(text).toContain(word)
      expect(text).toContain('&lt;script&gt;')
      expect(text).not.toContain('<script')
      expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/)
    },
  )

  test('of a kind that is not known here is shown as it is', async () => {
    const text = await (await edgeWith({ task: 'tomorrow', what: evil })(browser)).text()
    expect(text).toContain('&quot;tomorrow&quot;')
    expect(text).not.toContain('<script')
  })

  test('is not there before the version is', async () => {
    const response = await edgeWith(undefined, { status: 'training' })(browser)
    expect(response.status).toBe(404)
    expect(await problemOf(response)).toMatchObject({ code: 'model.not_found' })
  })
})
