import { afterAll, beforeAll, expect, test } from 'vitest'
import { personalFilters } from '../../../core/identity/personal-filters.ts'
import { insertStream } from '../../../core/ingest/store.ts'
import { type Fixture, startIdentity } from './fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startIdentity()
  const rest = { orderBy: [], partitionBy: '', ttl: '', id: '', time: '', jsonSchema: '', version: 1 }
  const columns = ['email', 'city'].map((name) => ({ name, type: 'String', pii: name === 'email' }))
  await insertStream(fixture.db, {
    workspace: 'main',
    name: 'people',
    columns,
    ...rest,
    onUnknown: 'add',
    state: 'ready',
  })
})
afterAll(() => fixture.close())

const by = (column: string, values: string[], stream = 'people') => ({ stream, column, values })
const held = by('email', ['a@x', 'b@x'])

test.each([
  ['by personal data', [], [], by('email', ['a@x']), false],
  ['by another column', [], [], by('city', ['Ulm']), true],
  ['of another stream', [], [], by('email', ['a@x'], 'orders'), true],
  ['by somebody who sees it', ['pii:read'], [], by('email', ['a@x']), true],
  ['by somebody who sees it in that stream', ['pii:read:people'], [], by('email', ['a@x']), true],
  ['by somebody who sees it in another stream', ['pii:read:orders'], [], by('email', ['a@x']), false],
  ['that is handed on as it is', [], [held], by('email', ['b@x', 'a@x']), true],
  ['that is narrowed to a guess', [], [held], by('email', ['a@x']), false],
])('a filter %s', async (_, scopes, filters, asked, isAllowed) => {
  const maker = { workspace: 'main', scopes, filters: filters.map((filter) => ({ ...filter, $typeName: filterType })) }
  const violations = await personalFilters(fixture.db, maker, [asked])
  expect(violations.map(({ pointer }) => pointer)).toEqual(isAllowed ? [] : ['/filters/people'])
})

const filterType = 'edgewise.identity.v1.Filter' as const
