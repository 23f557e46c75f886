import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import type { Session } from '#proto/edgewise/identity/v1/user_pb.ts'
import { clearSession, csrfTokenOf, deviceOf, sessionOf, setSession } from '../auth/cookie.ts'
import { asCaller, requestMetadata } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, backgroundOf, callerOf } from './context.ts'
import { failures, iso, json, jsonBody, nextCursor, page, pageOf, paging, query } from './schemas.ts'
import { UserShape, userShape } from './users.ts'

const SignIn = z
  .strictObject({
    workspace: z.string().max(48),
    email: z.string().max(260),
    password: z.string().max(1_000),
    code: z.string().max(10).optional().openapi({ description: 'Of an authenticator app, where there is one' }),
  })
  .openapi('SignIn')
const SignedIn = z
  .object({ user: UserShape, csrf_token: z.string(), expires_at: z.iso.datetime().optional() })
  .openapi('SignedIn')
const Current = z
  .object({
    workspace: z.string(),
    actor: z.string(),
    scopes: z.array(z.string()),
    csrf_token: z.string().optional().openapi({ description: 'For X-CSRF-Token, where a cookie is the credential' }),
  })
  .openapi('Current')
const Shape = z
  .object({
    id: z.string(),
    actor: z.string(),
    kind: z.enum(['browser', 'tokens']),
    created_at: z.iso.datetime().optional(),
    expires_at: z.iso.datetime().optional(),
    address: z.string(),
    agent: z.string(),
    current: z.boolean(),
  })
  .openapi('Session')

function sessionShape(session: Session): z.input<typeof Shape> {
  const { id, actor, browser, createdAt, expiresAt, address, agent, current } = session
  return {
    id,
    actor,
    kind: browser ? 'browser' : 'tokens',
    ...(createdAt && { created_at: iso(createdAt) }),
    ...(expiresAt && { expires_at: iso(expiresAt) }),
    address,
    agent,
    current,
  }
}

const tags = ['sessions']
const signIn = createRoute({
  tags,
  summary: 'Sign in with a password',
  description: 'The session is kept in an HTTP-only cookie.',
  method: 'post',
  path: '/v1/sessions',
  security: [],
  request: { query: query({}), ...jsonBody(SignIn) },
  responses: { 201: json('Signed in', SignedIn), ...failures },
})
const current = createRoute({
  tags,
  summary: 'Who the credential of this request is',
  method: 'get',
  path: '/v1/sessions/current',
  request: { query: query({}) },
  responses: { 200: json('The actor', Current), ...failures },
})
const list = createRoute({
  tags,
  summary: 'Sessions and families of tokens that have not ended',
  method: 'get',
  path: '/v1/sessions',
  request: { query: query({ ...page, actor: z.string().max(64).optional() }) },
  responses: { 200: json('Sessions, newest first', pageOf(Shape)), ...failures },
})
const signOut = createRoute({
  tags,
  summary: 'Sign out',
  method: 'delete',
  path: '/v1/sessions/current',
  request: { query: query({}) },
  responses: { 204: { description: 'It has ended' }, ...failures },
})
const end = createRoute({
  tags,
  summary: 'End a session, with all that came of it',
  method: 'delete',
  path: '/v1/sessions/{id}',
  request: {
    params: z.object({ id: z.string().regex(/^ses_\w{1,64}$/, 'is not an id of a session') }),
    query: query({}),
  },
  responses: { 204: { description: 'It has ended' }, ...failures },
})

/** Before the routes that need a credential: this is how a person gets one. */
export function signingIn(app: OpenAPIHono<AppEnv>, { core, strangers }: Deps): void {
  app.openapi(signIn, async (c) => {
    await strangers(c.req.raw, backgroundOf(c))
    const { workspace, email, password, code = '' } = c.req.valid('json')
    const { headers } = c.req.raw
    const answer = await core.users.signIn(
      {
        workspace,
        email,
        password,
        code,
        address: c.var.address,
        agent: (headers.get('user-agent') ?? '').slice(0, 300),
        device: deviceOf(headers),
      },
      { metadata: requestMetadata(c.var.requestId, c.var.address), signal: c.req.raw.signal },
    )
    const { credential, device, expiresAt, user } = answer
    const csrf = await csrfTokenOf(credential)
    const response = c.json(
      { user: userShape(user!), csrf_token: csrf, ...(expiresAt && { expires_at: iso(expiresAt) }) },
      201,
      { 'cache-control': 'no-store' },
    )
    const seconds = expiresAt === undefined ? 0 : Math.floor((timestampMs(expiresAt) - Date.now()) / 1000)
    setSession(response.headers, credential, seconds, device)
    return response
  })
}

export function sessions(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(current, async (c) => {
    const { workspace, id, scopes } = c.var.session.actor
    const cookie = sessionOf(c.req.raw.headers)
    const byCookie = cookie !== undefined && cookie === c.var.credential
    const csrf = byCookie ? { csrf_token: await csrfTokenOf(cookie) } : {}
    return c.json({ workspace, actor: id, scopes, ...csrf }, 200, { 'cache-control': 'no-store' })
  })
  app.openapi(list, async (c) => {
    const { actor = '', ...asked } = c.req.valid('query')
    const found = await core.users.listSessions({ actor, ...paging(asked) }, asCaller(callerOf(c)))
    return c.json({ data: found.sessions.map(sessionShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(signOut, async (c) => {
    await core.users.endSession({}, asCaller(callerOf(c)))
    const response = c.body(null, 204)
    clearSession(response.headers)
    return response
  })
  app.openapi(end, async (c) => {
    await core.users.endSession(c.req.valid('param'), asCaller(callerOf(c)))
    return c.body(null, 204)
  })
}
