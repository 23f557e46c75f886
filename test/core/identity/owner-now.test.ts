import { federatedId } from '#mesh/tokens/claims.ts'
import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { workspaceScopes } from '#mesh/scopes.ts'
import {
  type Actor,
  ActorSchema,
  CreateKeyRequestSchema,
  RerollKeyRequestSchema,
  RevokeKeyRequestSchema,
} from '#proto/edgewise/identity/v1/identity_pb.ts'
import { InviteUserRequestSchema, UpdateUserRequestSchema } from '#proto/edgewise/identity/v1/user_pb.ts'
import { callBy } from '../../support/call.ts'
import { type Fixture, startIdentity } from './fixture.ts'

const admin = { scopes: [...workspaceScopes], plan: { requests: 0 } }

let fixture: Fixture
beforeAll(async () => {
  fixture = await startIdentity()
  await fixture.identity.bootstrap()
})
afterAll(() => fixture.close())

const now = (owner: Actor) => fixture.identity.ownerNow(owner)

async function newKey(scopes: readonly string[]): Promise<Actor> {
  const asked = create(CreateKeyRequestSchema, { name: 'test', scopes: [...scopes] })
  const { text } = await fixture.identity.service.createKey(asked, callBy(admin))
  return (await fixture.as(text))!
}

const revoke = (id: string) => fixture.identity.service.revokeKey(create(RevokeKeyRequestSchema, { id }), callBy(admin))

describe('whoever asked for something to be done later', () => {
  test('is who it was, until its key is revoked', async () => {
    const owner = await newKey(['sql:read', 'models:write:odd'])
    expect(await now(owner)).toEqual(owner)
    await revoke(owner.id)
    expect(await now(owner)).toBeUndefined()
  })

  test('goes on as the key in the place of a rerolled one, and ends with that', async () => {
    const owner = await newKey(['sql:read'])
    const asked = create(RerollKeyRequestSchema, { id: owner.id })
    const { key } = await fixture.identity.service.rerollKey(asked, callBy(admin))
    await revoke(owner.id)
    expect(await now(owner)).toEqual(owner)
    await revoke(key!.id)
    expect(await now(owner)).toBeUndefined()
  })

  test('has of its scopes those that it has now, and no others', async () => {
    const { user } = await fixture.identity.users.inviteUser(
      create(InviteUserRequestSchema, { email: 'ann@example.com', roles: ['editor'] }),
      callBy(admin),
    )
    const owner = create(ActorSchema, {
      workspace: 'main',
      id: user!.id,
      scopes: ['sql:read', 'models:write:odd', 'audit:read'],
    })
    expect((await now(owner))?.scopes).toEqual(['sql:read', 'models:write:odd'])
    const change = (init: object) =>
      fixture.identity.users.updateUser(create(UpdateUserRequestSchema, { id: user!.id, ...init }), callBy(admin))
    await change({ roles: ['viewer'] })
    expect((await now(owner))?.scopes).toEqual(['sql:read'])
    await change({ disabled: true })
    expect(await now(owner)).toBeUndefined()
  })

  test('stays as it was where a provider alone vouches for it, and is nobody of another workspace', async () => {
    const known = create(ActorSchema, {
      workspace: 'main',
      id: await federatedId('main', 'https://idp.example', 'ann'),
      scopes: ['sql:read'],
    })
    expect(await now(known)).toEqual(known)
    const owner = await newKey(['sql:read'])
    expect(await now(create(ActorSchema, { ...owner, workspace: 'other' }))).toBeUndefined()
  })
})
