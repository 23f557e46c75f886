import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Failure } from '#mesh/errors.ts'
import { workspaceScopes } from '#mesh/scopes.ts'
import {
  InviteUserRequestSchema,
  PutRoleRequestSchema,
  SignInRequestSchema,
  UpdateUserRequestSchema,
  type User,
} from '#proto/edgewise/identity/v1/user_pb.ts'
import { codeAt } from '../../../core/identity/totp.ts'
import { hashPassword, isPassword } from '../../../core/identity/password.ts'
import { callBy } from '../../support/call.ts'
import { type Fixture, startIdentity } from './fixture.ts'

const admin = { scopes: [...workspaceScopes], plan: { requests: 0 } }
const edge = { workspace: '', id: 'svc_edge', scopes: ['internal:edge'] }
const password = 'correct horse battery'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startIdentity()
  await fixture.identity.bootstrap()
})
afterAll(() => fixture.close())

const users = () => fixture.identity.users
type By = Parameters<typeof callBy>[0]

async function invite(init: MessageInitShape<typeof InviteUserRequestSchema>, by: By = admin) {
  const asked = create(InviteUserRequestSchema, { roles: ['viewer'], ...init })
  const { user, invitation } = await users().inviteUser(asked, callBy(by))
  return { user: user as User, invitation }
}

/** Somebody who can sign in. */
async function person(email: string, roles = ['viewer']): Promise<User> {
  const { invitation } = await invite({ email, roles })
  return users().acceptInvitation(
    { $typeName: 'edgewise.identity.v1.AcceptInvitationRequest', invitation, password, name: '' },
    callBy({}),
  )
}

function signIn(init: MessageInitShape<typeof SignInRequestSchema>) {
  const asked = create(SignInRequestSchema, { workspace: 'main', password, address: '192.0.2.1', ...init })
  return users().signIn(asked, callBy(edge))
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  return work.then(
    () => ({ problem: 'it was accepted' }) as unknown as Failure,
    (thrown: Failure) => thrown,
  )
}

describe('a person', () => {
  test('is invited, chooses a password, signs in, and can do what the roles say', async () => {
    const { user, invitation } = await invite({ email: ' Ann@Example.com ', name: 'Ann', roles: ['editor'] })
    expect(user).toMatchObject({ email: 'ann@example.com', pending: true })
    expect((await failureOf(signIn({ email: 'ann@example.com' }))).problem).toBe('auth.invalid')
    const accept = {
      $typeName: 'edgewise.identity.v1.AcceptInvitationRequest',
      invitation,
      password,
      name: '',
    } as const
    expect(await users().acceptInvitation(accept, callBy({}))).toMatchObject({ pending: false, name: 'Ann' })
    expect((await failureOf(users().acceptInvitation(accept, callBy({})))).problem).toBe('auth.grant')

    const { credential } = await signIn({ email: 'ANN@example.com' })
    expect(credential).toMatch(/^ews_/)
    const actor = await fixture.as(credential)
    expect(actor).toMatchObject({ id: user.id, workspace: 'main', plan: { name: 'standard' } })
    expect(actor?.session).toMatch(/^ses_/)
    expect(actor?.scopes).toContain('queries:write')
    expect(actor?.scopes).not.toContain('users:admin')
  })

  test('who was invited too long ago, or to another workspace, does not get in', async () => {
    const { invitation } = await invite({ email: 'late@example.com' })
    fixture.clock.now += 8 * 86_400_000
    const accept = {
      $typeName: 'edgewise.identity.v1.AcceptInvitationRequest',
      invitation,
      password,
      name: '',
    } as const
    expect((await failureOf(users().acceptInvitation(accept, callBy({})))).problem).toBe('auth.grant')
    await person('here@example.com')
    expect((await failureOf(signIn({ workspace: 'other', email: 'here@example.com' }))).problem).toBe('auth.invalid')
  })

  test.each(['short', 'aaaaaaaaaaaaaaa', 'weak@example.com', 'weak-and-then-some'])(
    'does not choose %s',
    async (weak) => {
      const { invitation } = await invite({ email: 'weak@example.com' })
      const accept = {
        $typeName: 'edgewise.identity.v1.AcceptInvitationRequest',
        invitation,
        password: weak,
        name: '',
      } as const
      const failure = await failureOf(users().acceptInvitation(accept, callBy({})))
      expect(failure.errors).toMatchObject([{ pointer: '/password' }])
      const { users: all } = await users().listUsers({ limit: 0, cursor: '' } as never, callBy(admin))
      const found = all.find(({ email }) => email === 'weak@example.com')
      await users().deleteUser({ id: found?.id } as never, callBy(admin))
    },
  )

  test('loses everything at once: roles, sessions, the account', async () => {
    const { id } = await person('gone@example.com', ['editor'])
    const { credential } = await signIn({ email: 'gone@example.com' })
    const update = (init: MessageInitShape<typeof UpdateUserRequestSchema>) =>
      users().updateUser(create(UpdateUserRequestSchema, { id, ...init }), callBy(admin))
    await update({ roles: ['viewer'] })
    expect((await fixture.as(credential))?.scopes).not.toContain('queries:write')
    await update({ disabled: true })
    expect((await failureOf(fixture.as(credential))).problem).toBe('auth.invalid')
    expect((await failureOf(signIn({ email: 'gone@example.com' }))).problem).toBe('auth.invalid')
    await update({ disabled: false })
    expect((await failureOf(fixture.as(credential))).problem).toBe('auth.invalid')
    const again = await signIn({ email: 'gone@example.com' })
    await users().deleteUser({ id } as never, callBy(admin))
    expect((await failureOf(fixture.as(again.credential))).problem).toBe('auth.invalid')
  })

  test('is found, invited and changed in the own workspace only, and by nobody who can do less', async () => {
    const { id } = await person('mine@example.com', ['owner'])
    const foreign = { ...admin, workspace: 'other' }
    expect((await failureOf(users().getUser({ id } as never, callBy(foreign)))).problem).toBe('resource.not_found')
    expect((await failureOf(users().deleteUser({ id } as never, callBy(foreign)))).problem).toBe('resource.not_found')
    const helper = { ...admin, scopes: ['users:admin', 'sql:read'] }
    expect((await failureOf(users().deleteUser({ id } as never, callBy(helper)))).problem).toBe('auth.scope')
    expect((await failureOf(invite({ email: 'x@example.com', roles: ['owner'] }, helper))).problem).toBe(
      'request.invalid',
    )
    expect((await failureOf(invite({ email: 'x@example.com' }, { scopes: ['sql:read'] }))).problem).toBe('auth.scope')
    expect((await failureOf(invite({ email: 'mine@example.com' }))).problem).toBe('resource.exists')
    expect((await failureOf(invite({ email: 'x@example.com', roles: ['constructor'] }))).problem).toBe(
      'request.invalid',
    )
  })
})

describe('roles', () => {
  const put = (init: MessageInitShape<typeof PutRoleRequestSchema>, by: By = admin) =>
    users().putRole(create(PutRoleRequestSchema, init), callBy(by))

  test('are sets of scopes, and whoever has one has what it says now', async () => {
    await put({ name: 'reader', scopes: ['endpoints:read:top'] })
    await person('reader@example.com', ['reader'])
    const { credential } = await signIn({ email: 'reader@example.com' })
    expect((await fixture.as(credential))?.scopes).toEqual(['endpoints:read:top'])
    await put({ name: 'reader', scopes: ['endpoints:read'] })
    expect((await fixture.as(credential))?.scopes).toEqual(['endpoints:read'])
    const { roles } = await users().listRoles({} as never, callBy(admin))
    expect(roles.map(({ name }) => name)).toEqual(['owner', 'editor', 'viewer', 'reader'])
    await users().deleteRole({ name: 'reader' } as never, callBy(admin))
    expect((await fixture.as(credential))?.scopes).toEqual([])
  })

  test('of every workspace cannot be changed, and none can do more than who defines it', async () => {
    expect((await failureOf(put({ name: 'owner', scopes: ['sql:read'] }))).problem).toBe('resource.exists')
    expect((await failureOf(put({ name: 'all', scopes: ['keys:admin'] }, { scopes: ['users:admin'] }))).problem).toBe(
      'request.invalid',
    )
    expect((await failureOf(put({ name: 'none', scopes: [] }))).problem).toBe('request.invalid')
    expect((await failureOf(users().deleteRole({ name: 'owner' } as never, callBy(admin)))).problem).toBe(
      'resource.not_found',
    )
  })
})

describe('signing in', () => {
  test('says the same of a wrong password and of nobody, in about the same time', async () => {
    await person('timing@example.com')
    const times = { wrong: [] as number[], nobody: [] as number[] }
    const messages = new Set<string>()
    for (let i = 0; i < 4; i++) {
      for (const [kind, email] of [
        ['wrong', 'timing@example.com'],
        ['nobody', `nobody${i}@example.com`],
      ] as const) {
        const began = performance.now()
        const failure = await failureOf(signIn({ email, password: 'not the password', address: `198.51.100.${i}` }))
        times[kind].push(performance.now() - began)
        messages.add(`${failure.problem} ${failure.message}`)
      }
    }
    expect(messages.size).toBe(1)
    const [wrong, nobody] = [Math.min(...times.wrong), Math.min(...times.nobody)]
    expect(Math.max(wrong, nobody) / Math.min(wrong, nobody)).toBeLessThan(3)
  })

  test('guessing slows down where it is done, and leaves the person alone elsewhere', async () => {
    await person('guess@example.com')
    const { device } = await signIn({ email: 'guess@example.com', address: '203.0.113.5' })
    const wrong = (address: string) =>
      failureOf(signIn({ email: 'guess@example.com', password: 'wrong, all wrong', address }))
    for (let i = 0; i < 5; i++) expect((await wrong('192.0.2.66')).problem).toBe('auth.invalid')
    const slowed = await wrong('192.0.2.66')
    expect(slowed).toMatchObject({ problem: 'limit.rate' })
    expect(slowed.retryAfterMs).toBeGreaterThan(0)
    // The right password, too, waits there; elsewhere it does not.
    expect((await failureOf(signIn({ email: 'guess@example.com', address: '192.0.2.66' }))).problem).toBe('limit.rate')
    expect((await signIn({ email: 'guess@example.com', address: '203.0.113.9' })).credential).toMatch(/^ews_/)
    // A browser that is known gets in even from there.
    expect((await signIn({ email: 'guess@example.com', address: '192.0.2.66', device })).device).toBe(device)
    fixture.clock.now += 16 * 60_000
    expect((await signIn({ email: 'guess@example.com', address: '192.0.2.66' })).credential).toMatch(/^ews_/)
  })

  test('many at the same time are not one attempt', async () => {
    await person('burst@example.com')
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        failureOf(signIn({ email: 'burst@example.com', password: 'wrong, all wrong', address: '192.0.2.77' })),
      ),
    )
    expect(outcomes.filter(({ problem }) => problem === 'limit.rate').length).toBeGreaterThanOrEqual(10)
  })

  test('guessed at from everywhere, an account is open to browsers that are known only', async () => {
    await person('botnet@example.com')
    const { device } = await signIn({ email: 'botnet@example.com', address: '203.0.113.5' })
    for (let i = 0; i < 100; i++) {
      await failureOf(signIn({ email: 'botnet@example.com', password: 'wrong, all wrong', address: `10.${i}.0.1` }))
    }
    expect((await failureOf(signIn({ email: 'botnet@example.com', address: '10.200.0.1' }))).problem).toBe('limit.rate')
    expect((await signIn({ email: 'botnet@example.com', address: '10.200.0.2', device })).credential).toMatch(/^ews_/)
  }, 60_000)

  test('only edges may ask for it', async () => {
    expect((await failureOf(users().signIn(create(SignInRequestSchema), callBy(admin)))).problem).toBe('auth.scope')
  })
})

describe('one-time codes', () => {
  test('are enrolled with a code, and then every sign-in needs one, each once', async () => {
    await person('totp@example.com')
    const { credential } = await signIn({ email: 'totp@example.com' })
    const me = (await fixture.as(credential)) as By
    const { secret, url } = await users().enrolTotp({} as never, callBy(me))
    expect(url).toContain(`secret=${secret}`)
    expect(JSON.stringify(await fixture.db.execute('select * from identity_users'))).not.toContain(secret)
    const code = (offset = 0) => codeAt(secret, Math.floor(fixture.clock.now / 30_000) + offset)
    expect((await failureOf(users().confirmTotp({ code: '000000' } as never, callBy(me)))).problem).toBe(
      'request.invalid',
    )
    expect(await users().confirmTotp({ code: code() } as never, callBy(me))).toMatchObject({ totp: true })

    expect((await failureOf(signIn({ email: 'totp@example.com' }))).problem).toBe('auth.code')
    // The one that was shown already.
    expect((await failureOf(signIn({ email: 'totp@example.com', code: code() }))).problem).toBe('auth.code')
    fixture.clock.now += 60_000
    const right = code()
    expect((await signIn({ email: 'totp@example.com', code: right })).credential).toMatch(/^ews_/)
    expect((await failureOf(signIn({ email: 'totp@example.com', code: right }))).problem).toBe('auth.code')
    expect(
      (await failureOf(signIn({ email: 'totp@example.com', password: 'wrong, all wrong', code: code(1) }))).problem,
    ).toBe('auth.invalid')
    fixture.clock.now += 60_000
    expect(await users().removeTotp({ code: code() } as never, callBy(me))).toMatchObject({ totp: false })
  })

  // RFC 6238, appendix B, cut to six digits.
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_234_567_890, '005924'],
    [20_000_000_000, '353130'],
  ])('at %i s are those of the RFC', (seconds, code) => {
    expect(codeAt('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', Math.floor(seconds / 30))).toBe(code)
  })
})

describe('sessions', () => {
  test('are listed and ended by whose they are, and by who manages users', async () => {
    const { id } = await person('many@example.com')
    const first = await signIn({ email: 'many@example.com', agent: 'Firefox' })
    fixture.clock.now += 1
    const second = await signIn({ email: 'many@example.com' })
    const me = (await fixture.as(second.credential)) as By
    const { sessions } = await users().listSessions({ actor: '', limit: 0, cursor: '' } as never, callBy(me))
    expect(sessions).toMatchObject([
      { current: true, browser: true },
      { current: false, agent: 'Firefox' },
    ])
    await users().endSession({ id: sessions[1]?.id } as never, callBy(me))
    expect((await failureOf(fixture.as(first.credential))).problem).toBe('auth.invalid')
    const other = { id: 'usr_other', scopes: ['sql:read'] }
    const all = { actor: id, limit: 0, cursor: '' } as never
    expect((await failureOf(users().listSessions(all, callBy(other)))).problem).toBe('auth.scope')
    const foreign = { ...admin, workspace: 'other' }
    expect((await failureOf(users().endSession({ id: sessions[0]?.id } as never, callBy(foreign)))).problem).toBe(
      'resource.not_found',
    )
    await users().endSession({ id: sessions[0]?.id } as never, callBy(admin))
    expect((await failureOf(fixture.as(second.credential))).problem).toBe('auth.invalid')
  })

  test('other than the own end when the password changes', async () => {
    await person('change@example.com')
    const elsewhere = await signIn({ email: 'change@example.com' })
    const here = await signIn({ email: 'change@example.com' })
    const me = (await fixture.as(here.credential)) as By
    const change = (from: string, to: string) =>
      users().changePassword({ password: from, newPassword: to } as never, callBy(me))
    expect((await failureOf(change('wrong, all wrong', 'another good one'))).problem).toBe('request.invalid')
    await change(password, 'another good one')
    expect((await failureOf(fixture.as(elsewhere.credential))).problem).toBe('auth.invalid')
    expect(await fixture.as(here.credential)).toBeDefined()
    expect((await signIn({ email: 'change@example.com', password: 'another good one' })).credential).toMatch(/^ews_/)
    expect((await failureOf(users().changePassword({} as never, callBy(admin)))).problem).toBe('auth.scope')
  })

  test('end by themselves after a week', async () => {
    await person('week@example.com')
    const { credential } = await signIn({ email: 'week@example.com' })
    fixture.clock.now += 7 * 86_400_000 + 1
    expect((await failureOf(fixture.as(credential))).problem).toBe('auth.invalid')
  })
})

test('a password is stored as argon2id, with a nonce of its own', async () => {
  const [one, two] = await Promise.all([hashPassword(password), hashPassword(password)])
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect(one).not.toBe(two)
  expect(await isPassword(password, one)).toBe(true)
  expect(await isPassword(`${password} `, one)).toBe(false)
  expect(await isPassword('', undefined)).toBe(false)
})
