import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import type { Model } from '#mesh/inference/model.ts'
import { migrations } from '../../../core/model/index.ts'
import { modelLimits } from '../../../core/model/limits.ts'
import type { LoadedModels } from '../../../core/model/loaded-models.ts'
import { type Asked, asAsked } from '../../../core/model/served-row.ts'
import { createShadows } from '../../../core/model/shadow.ts'
import { insertRollout, insertVersion, type RolloutRow, updateRollout, upsertModel } from '../../../core/model/store.ts'
import { freshControl } from '../../support/control.ts'

type Control = Awaited<ReturnType<typeof freshControl>>

const definition = { sql: 'SELECT 1', target: 'y', options: {} }
const at = new Date()
const rollout: RolloutRow = {
  id: 'rol_1',
  workspace: 'main',
  model: 'churn',
  version: 2,
  base: 1,
  status: 'running',
  steps: [],
  step: 0,
  everyMs: 0,
  shadow: 0.5,
  gate: null,
  reason: '',
  failures: 0,
  owner: {},
  requestId: 'r',
  createdAt: at,
  stepAt: at,
  endedAt: null,
}

let control: Control
beforeAll(async () => {
  control = await freshControl([migrations])
  const model = { workspace: 'main', name: 'churn', newest: 2, live: 1, definition, everyMs: null, createdAt: at }
  const version = { workspace: 'main', name: 'churn', status: 'ready', job: 'j', definition, engine: 'gbdt' } as const
  const rest = { bytes: 10, card: {}, beatsBaseline: true, createdAt: at }
  await control.db.transaction(async (tx) => {
    await upsertModel(tx, { ...model, previous: null, logShare: 1 })
    await insertVersion(tx, { ...version, ...rest, version: 1, sha256: 'base' })
    await insertVersion(tx, { ...version, ...rest, version: 2, sha256: 'candidate' })
  })
})
afterAll(() => control.close())

/** The live version says yes; the candidate no, and takes no row without an `a`. */
const loaded = {
  use: async (sha256: string, work: (model: Model) => unknown) =>
    work({
      predict(rows: readonly Record<string, unknown>[]) {
        if (sha256 === 'base') return said(rows, 'yes', 0.7)
        if (rows.some((row) => row['a'] === undefined)) throw new Failure('request.invalid', 'There is no a.')
        return said(rows, 'no', 0.2)
      },
    } as unknown as Model),
} as LoadedModels

function said(rows: readonly unknown[], prediction: string, yes: number) {
  const answers = rows.map(() => ({ prediction, probability: 0.9, probabilities: { yes, no: 1 - yes } }))
  return { answers, warnings: [] }
}

const row = (features: object, of: object = {}): Asked =>
  asAsked({
    workspace: 'main',
    timeMs: 0n,
    requestId: 'r',
    row: 0,
    subject: 's',
    model: 'churn',
    version: 1,
    arm: '',
    placement: 'edge',
    features: JSON.stringify(features),
    answer: '{"prediction":"yes","probability":0.7}',
    ...of,
  })!

let skipped = 0
beforeEach(() => void (skipped = 0))

function shadows(random: () => number = () => 0, limits: object = {}) {
  const { db } = control
  const onShadowSkipped = (count: number): void => void (skipped += count)
  return createShadows({ db, loaded, random, onShadowSkipped, limits: { ...modelLimits, ...limits } })
}

test('where nothing is in the shadow nothing is scored', async () => {
  expect((await shadows().compare('main', 'churn', [row({ a: 1 })])).size).toBe(0)
})

describe('a version in the shadow', () => {
  beforeAll(() => control.db.transaction((tx) => insertRollout(tx, rollout)))

  test('says of each row what it would have answered, and how likely it holds what was', async () => {
    const asked = row({ a: 1 })
    const compared = (await shadows().compare('main', 'churn', [asked])).get(asked)
    expect(compared).toMatchObject({ version: 2, prediction: 'no', probability: 0.2, error: '' })
    expect(compared?.us).toBeGreaterThan(0)
    expect(compared?.liveUs).toBeGreaterThan(0)
  })

  test('fails for a row that it does not take, and not for the others', async () => {
    const rows = [row({ a: 1 }), row({ b: 1 }), row({ a: 2 })]
    const compared = await shadows().compare('main', 'churn', rows)
    expect(rows.map((one) => compared.get(one)?.error)).toEqual(['', 'request.invalid', ''])
    expect(compared.get(rows[1]!)).toMatchObject({ version: 2, prediction: '' })
  })

  test('is scored on what the live version answered itself, and nothing else', async () => {
    const rows = [row({ a: 1 }, { version: 2 }), row({ a: 1 }, { placement: 'fallback' }), row({ a: 1 })]
    expect([...(await shadows().compare('main', 'churn', rows)).keys()]).toEqual([rows[2]])
  })

  test('is scored on its share, of rows that were recorded for other reasons', async () => {
    const draws = [0.1, 0.6, 0.4, 0.5]
    const rows = draws.map(() => row({ a: 1 }))
    const compared = await shadows(() => draws.shift()!).compare('main', 'churn', rows)
    expect([...compared.keys()]).toEqual([rows[0], rows[2]])
  })

  test('is scored on so many rows at once, and the others are counted', async () => {
    const rows = Array.from({ length: 10 }, (_, a) => row({ a }))
    const busy = shadows(() => 0, { maxShadowed: 4 })
    const [first, second] = await Promise.all([
      busy.compare('main', 'churn', rows),
      busy.compare('main', 'churn', rows.slice(0, 3)),
    ])
    expect([first.size, second.size, skipped]).toEqual([4, 0, 9])
    expect((await busy.compare('main', 'churn', rows)).size).toBe(4)
  })

  test('is another workspace’s business nowhere', async () => {
    expect((await shadows().compare('other', 'churn', [row({ a: 1 }, { workspace: 'other' })])).size).toBe(0)
  })

  test('that is held is not scored', async () => {
    await control.db.transaction((tx) => updateRollout(tx, rollout.id, { status: 'paused' }))
    expect((await shadows().compare('main', 'churn', [row({ a: 1 })])).size).toBe(0)
  })
})
