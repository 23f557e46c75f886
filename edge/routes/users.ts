import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { User } from '#proto/edgewise/identity/v1/user_pb.ts'
import { asCaller, requestMetadata } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, backgroundOf, callerOf } from './context.ts'
import { failures, iso, json, jsonBody, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const Roles = z
  .array(z.string().max(48))
  .min(1)
  .max(20)
  .openapi({ example: ['editor'] })
export const UserShape = z
  .object({
    id: z.string(),
    email: z.string(),
    name: z.string(),
    roles: Roles.min(0),
    pending: z.boolean().openapi({ description: 'Invited, and nothing more yet' }),
    disabled: z.boolean(),
    totp: z.boolean().openapi({ description: 'A sign-in needs a one-time code' }),
    created_at: z.iso.datetime().optional(),
    signed_in_at: z.iso.datetime().optional(),
  })
  .openapi('User')

export function userShape(user: User): z.input<typeof UserShape> {
  const { id, email, name, roles, pending, disabled, totp, createdAt, signedInAt } = user
  return {
    id,
    email,
    name,
    roles,
    pending,
    disabled,
    totp,
    ...(createdAt && { created_at: iso(createdAt) }),
    ...(signedInAt && { signed_in_at: iso(signedInAt) }),
  }
}

const tags = ['users']
const params = z.object({ id: z.string().regex(/^usr_\w{1,64}$/, 'is not an id of a person') })
const Code = z.strictObject({ code: z.string().max(10) })
const list = createRoute({
  tags,
  summary: 'List the people of the workspace',
  method: 'get',
  path: '/v1/users',
  request: { query: query(page) },
  responses: { 200: json('People, in the order in which they were invited', pageOf(UserShape)), ...failures },
})
const invite = createRoute({
  tags,
  summary: 'Invite somebody',
  method: 'post',
  path: '/v1/users',
  request: {
    query: query({}),
    ...jsonBody(
      z
        .strictObject({ email: z.string().max(260), name: z.string().max(200).optional(), roles: Roles })
        .openapi('NewUser'),
    ),
  },
  responses: {
    201: json(
      'The person, and the invitation',
      UserShape.extend({ invitation: z.string().openapi({ description: 'Shown this once; holds for seven days' }) }),
    ),
    ...failures,
  },
})
const accept = createRoute({
  tags,
  summary: 'Accept an invitation with a password of one’s own',
  method: 'post',
  path: '/v1/users/accept',
  security: [],
  request: {
    query: query({}),
    ...jsonBody(
      z.strictObject({
        invitation: z.string().max(100),
        password: z.string().max(1_000),
        name: z.string().max(200).optional(),
      }),
    ),
  },
  responses: { 200: json('The person', UserShape), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One person',
  method: 'get',
  path: '/v1/users/{id}',
  request: { params, query: query({}) },
  responses: { 200: json('The person', UserShape), ...failures },
})
const update = createRoute({
  tags,
  summary: 'Change a person’s name or roles, or keep them out',
  method: 'patch',
  path: '/v1/users/{id}',
  request: {
    params,
    query: query({}),
    ...jsonBody(
      z.strictObject({
        name: z.string().max(200).optional(),
        roles: Roles.optional(),
        disabled: z.boolean().optional(),
      }),
    ),
  },
  responses: { 200: json('The person', UserShape), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'Remove a person',
  method: 'delete',
  path: '/v1/users/{id}',
  request: { params, query: query({}) },
  responses: { 204: { description: 'They are gone' }, ...failures },
})
const password = createRoute({
  tags,
  summary: 'Change one’s own password; every other session ends',
  method: 'put',
  path: '/v1/users/me/password',
  request: {
    query: query({}),
    ...jsonBody(z.strictObject({ password: z.string().max(1_000), new_password: z.string().max(1_000) })),
  },
  responses: { 204: { description: 'It is changed' }, ...failures },
})
const enrol = createRoute({
  tags,
  summary: 'Begin one-time codes for oneself',
  method: 'post',
  path: '/v1/users/me/totp',
  request: { query: query({}) },
  responses: { 201: json('For an authenticator app', z.object({ secret: z.string(), url: z.string() })), ...failures },
})
const confirm = createRoute({
  tags,
  summary: 'Show a code: from now on a sign-in needs one',
  method: 'put',
  path: '/v1/users/me/totp',
  request: { query: query({}), ...jsonBody(Code) },
  responses: { 200: json('The person', UserShape), ...failures },
})
const end = createRoute({
  tags,
  summary: 'End one-time codes for oneself, with a last one',
  method: 'post',
  path: '/v1/users/me/totp/remove',
  request: { query: query({}), ...jsonBody(Code) },
  responses: { 200: json('The person', UserShape), ...failures },
})

/** Before the routes that need a credential: the invitation is what counts. */
export function accepting(app: OpenAPIHono<AppEnv>, { core, strangers }: Deps): void {
  app.openapi(accept, async (c) => {
    await strangers(c.req.raw, backgroundOf(c))
    const { name = '', ...asked } = c.req.valid('json')
    const metadata = requestMetadata(c.var.requestId, c.var.address)
    const user = await core.users.acceptInvitation({ name, ...asked }, { metadata, signal: c.req.raw.signal })
    return c.json(userShape(user), 200, { 'cache-control': 'no-store' })
  })
}

export function users(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.users.listUsers(paging(c.req.valid('query')), asCaller(callerOf(c)))
    return c.json({ data: found.users.map(userShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(invite, async (c) => {
    const { name = '', ...asked } = c.req.valid('json')
    const { user, invitation } = await core.users.inviteUser({ name, ...asked }, asCaller(callerOf(c)))
    return c.json({ ...userShape(user!), invitation }, 201, { 'cache-control': 'no-store' })
  })
  app.openapi(password, async (c) => {
    const { password: present, new_password: newPassword } = c.req.valid('json')
    await core.users.changePassword({ password: present, newPassword }, asCaller(callerOf(c)))
    return c.body(null, 204)
  })
  app.openapi(enrol, async (c) => {
    const { secret, url } = await core.users.enrolTotp({}, asCaller(callerOf(c)))
    return c.json({ secret, url }, 201, { 'cache-control': 'no-store' })
  })
  app.openapi(confirm, async (c) =>
    c.json(userShape(await core.users.confirmTotp(c.req.valid('json'), asCaller(callerOf(c)))), 200),
  )
  app.openapi(end, async (c) =>
    c.json(userShape(await core.users.removeTotp(c.req.valid('json'), asCaller(callerOf(c)))), 200),
  )
  app.openapi(get, async (c) =>
    c.json(userShape(await core.users.getUser(c.req.valid('param'), asCaller(callerOf(c)))), 200),
  )
  app.openapi(update, async (c) => {
    const { name, roles = [], disabled } = c.req.valid('json')
    const change = { ...(name !== undefined && { name }), roles, ...(disabled !== undefined && { disabled }) }
    const user = await core.users.updateUser({ ...c.req.valid('param'), ...change }, asCaller(callerOf(c)))
    return c.json(userShape(user), 200)
  })
  app.openapi(remove, async (c) => {
    await core.users.deleteUser(c.req.valid('param'), asCaller(callerOf(c)))
    return c.body(null, 204)
  })
}
