import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Fallback } from '../../../core/model/statements/option-types.ts'
import type { ModelDeps } from '../../../core/model/deps.ts'
import { migrations as audit } from '../../../core/audit/index.ts'
import { migrations as config } from '../../../core/config/index.ts'
import { contextOf } from '../../../core/context.ts'
import { migrations, modelLimits } from '../../../core/model/index.ts'
import { armOf, getServing, provenance, type ServedVersion } from '../../../core/model/serve.ts'
import { setLive } from '../../../core/model/set-live.ts'
import { insertRollout, insertVersion, upsertModel } from '../../../core/model/store.ts'
import { callBy } from '../../support/call.ts'
import { freshControl } from '../../support/control.ts'

const edge = { workspace: '', id: 'svc_edge', scopes: ['internal:edge'] }
const owner = { scopes: ['models:write', 'models:predict'] }
const createdAt = new Date(0)

let control: Awaited<ReturnType<typeof freshControl>>
let deps: ModelDeps

/** A model of `main` with so many versions, none of which is live yet; its file is its name and number. */
async function make(name: string, versions: number, fallback?: Fallback): Promise<void> {
  const definition = { sql: 'SELECT 1', options: { ...(fallback && { fallback }) } }
  const common = { workspace: 'main', name, definition, createdAt }
  await control.db.transaction(async (tx) => {
    await upsertModel(tx, { ...common, live: null, previous: null, newest: versions, everyMs: null, logShare: 0 })
    for (let version = 1; version <= versions; version++) {
      const sha256 = `${name}${version}`
      const trained = {
        status: 'ready',
        job: '',
        sha256,
        bytes: 1,
        engine: 'linear',
        card: null,
        beatsBaseline: true,
      } as const
      await insertVersion(tx, { ...common, version, ...trained })
    }
  })
}

const live = (name: string, version: number) => setLive(deps, contextOf(callBy(owner)), { name, version })
const serving = (name: string, by: object = owner, workspace = '') =>
  getServing(deps, contextOf(callBy(by)), { name, version: 0, workspace })

beforeAll(async () => {
  control = await freshControl([audit, config, migrations])
  deps = { db: control.db, limits: modelLimits } as unknown as ModelDeps
})
afterAll(() => control?.close())

test('the version that was live before is the previous one, where a model falls back to it', async () => {
  await make('old', 3, { kind: 'previous' })
  await live('old', 1)
  expect((await serving('old')).previous).toBeUndefined()
  await live('old', 3)
  await live('old', 3)
  expect(await serving('old')).toMatchObject({ version: { version: 3 }, previous: { version: { version: 1 } } })
  await live('old', 2)
  expect(await serving('old')).toMatchObject({ version: { version: 2 }, previous: { version: { version: 3 } } })
  await make('plain', 2)
  for (const version of [1, 2]) await live('plain', version)
  expect((await serving('plain')).previous).toBeUndefined()
})

test('a version that is rolled out falls back to the one that it is to take the place of', async () => {
  await make('rolled', 2, { kind: 'previous' })
  await live('rolled', 1)
  const rollout = { id: 'rol_1', workspace: 'main', model: 'rolled', version: 2, base: 1, status: 'running' } as const
  const steps = {
    steps: [50],
    step: 0,
    everyMs: 1_000,
    gate: null,
    shadow: null,
    reason: '',
    failures: 0,
    owner: {},
    requestId: '',
  }
  await control.db.transaction((tx) =>
    insertRollout(tx, { ...rollout, ...steps, createdAt, stepAt: createdAt, endedAt: null }),
  )
  expect((await serving('rolled')).candidate).toMatchObject({
    percent: 50,
    served: { version: { version: 2 }, previous: { version: { version: 1 } } },
  })
})

test('edges alone may ask for another workspace’s model', async () => {
  await make('pays', 1)
  await live('pays', 1)
  expect(await serving('pays', edge, 'main')).toMatchObject({ version: { sha256: 'pays1' } })
  expect(await serving('pays', owner, 'main')).toMatchObject({ version: { sha256: 'pays1' } })
  const stranger = { ...owner, workspace: 'other' }
  for (const name of ['pays', 'nothing']) {
    await expect(serving(name, stranger, 'main')).rejects.toMatchObject({ problem: 'auth.scope' })
    await expect(serving(name, stranger)).rejects.toMatchObject({ problem: 'model.not_found' })
  }
  await expect(serving('pays', { scopes: ['models:read'] })).rejects.toMatchObject({ problem: 'auth.scope' })
})

function versionOf(version: number): ServedVersion {
  const row = { name: 'churn', version, sha256: String(version).repeat(64), bytes: 1 }
  return { version: row as ServedVersion['version'], coreOnly: false, recordShare: 0 }
}

test('what answered is named; while a version is rolled out, with its arm and rollout', () => {
  const rolling = (percent: number): ServedVersion => ({
    ...versionOf(1),
    candidate: { served: versionOf(2), rollout: 'rol_1', percent },
  })
  expect(provenance(armOf(versionOf(1), 'anybody'), 'core')).toBe(`churn@1; placement=core; sha256=${'1'.repeat(64)}`)
  expect(provenance(armOf(rolling(0), 'anybody'), 'core')).toBe(
    `churn@1; placement=core; sha256=${'1'.repeat(64)}; arm=base; rollout=rol_1`,
  )
  expect(provenance(armOf(rolling(100), 'anybody'), 'core')).toBe(
    `churn@2; placement=core; sha256=${'2'.repeat(64)}; arm=candidate; rollout=rol_1`,
  )
})
