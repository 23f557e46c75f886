import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { workspaceScopes } from '#mesh/scopes.ts'
import { CreateKeyRequestSchema, RerollKeyRequestSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { AcceptInvitationRequestSchema, InviteUserRequestSchema } from '#proto/edgewise/identity/v1/user_pb.ts'
import { callBy } from '../../support/call.ts'
import { type Fixture, startIdentity } from './fixture.ts'

const admin = { scopes: [...workspaceScopes], plan: { requests: 0 } }
const many = 6

let store: Fixture
beforeAll(async () => {
  store = await startIdentity()
})
afterAll(() => store.close())

/** How many of several at the same time did it. */
async function succeeded(attempt: () => Promise<unknown>): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: many }, attempt))
  return results.filter(({ status }) => status === 'fulfilled').length
}

test('of several cores that start on an empty store, one makes the first workspace', async () => {
  const keys = await Promise.all(Array.from({ length: 4 }, () => store.another().bootstrap()))
  expect(keys.filter((key) => key !== undefined)).toHaveLength(1)
})

test('of several that replace a key, one does', async () => {
  const { service } = store.identity
  const request = create(CreateKeyRequestSchema, { name: 'till', scopes: ['sql:read'] })
  const id = (await service.createKey(request, callBy(admin))).key?.id ?? ''
  const reroll = () => service.rerollKey(create(RerollKeyRequestSchema, { id }), callBy(admin))
  expect(await succeeded(reroll)).toBe(1)
})

test('of several that accept an invitation, one chooses the password', async () => {
  const invite = create(InviteUserRequestSchema, { email: 'ann@example.com', roles: ['viewer'] })
  const { invitation } = await store.identity.users.inviteUser(invite, callBy(admin))
  const accept = create(AcceptInvitationRequestSchema, { invitation, password: 'correct horse battery staple' })
  expect(await succeeded(() => store.identity.users.acceptInvitation(accept, callBy({})))).toBe(1)
})
