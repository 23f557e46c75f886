import { expect, test } from 'vitest'
import { armOf, provenance, type ServedVersion } from '../../../core/model/serve.ts'

function served(version: number): ServedVersion {
  const row = { name: 'churn', version, sha256: String(version).repeat(64), bytes: 1 }
  return { version: row as ServedVersion['version'], coreOnly: false }
}

test('what answered is named; while a version is rolled out, with its arm and rollout', () => {
  const rolling = (percent: number): ServedVersion => ({
    ...served(1),
    candidate: { served: served(2), rollout: 'rol_1', percent },
  })
  expect(provenance(armOf(served(1), 'anybody'), 'core')).toBe(`churn@1; placement=core; sha256=${'1'.repeat(64)}`)
  expect(provenance(armOf(rolling(0), 'anybody'), 'core')).toBe(
    `churn@1; placement=core; sha256=${'1'.repeat(64)}; arm=base; rollout=rol_1`,
  )
  expect(provenance(armOf(rolling(100), 'anybody'), 'core')).toBe(
    `churn@2; placement=core; sha256=${'2'.repeat(64)}; arm=candidate; rollout=rol_1`,
  )
})
