import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Role } from '#proto/edgewise/identity/v1/user_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { failures, json, jsonBody, Name, query } from './schemas.ts'

const Shape = z
  .object({
    name: Name,
    scopes: z.array(z.string()),
    description: z.string(),
    built_in: z.boolean().openapi({ description: 'Every workspace has it, and it cannot be changed' }),
  })
  .openapi('Role')

function roleShape({ name, scopes, description, builtIn }: Role): z.input<typeof Shape> {
  return { name, scopes, description, built_in: builtIn }
}

const tags = ['users']
const params = z.object({ name: Name })
const list = createRoute({
  tags,
  summary: 'List roles',
  method: 'get',
  path: '/v1/roles',
  request: { query: query({}) },
  responses: { 200: json('Roles', z.object({ data: z.array(Shape), next_cursor: z.null() })), ...failures },
})
const put = createRoute({
  tags,
  summary: 'Define a role as a set of scopes',
  method: 'put',
  path: '/v1/roles/{name}',
  request: {
    params,
    query: query({}),
    ...jsonBody(
      z
        .strictObject({
          scopes: z.array(z.string().max(200)).min(1).max(100),
          description: z.string().max(500).optional(),
        })
        .openapi('NewRole'),
    ),
  },
  responses: { 200: json('The role', Shape), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'Take a role away from whoever has it',
  method: 'delete',
  path: '/v1/roles/{name}',
  request: { params, query: query({}) },
  responses: { 204: { description: 'It is gone' }, ...failures },
})

export function roles(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.users.listRoles({}, asCaller(callerOf(c)))
    return c.json({ data: found.roles.map(roleShape), next_cursor: null }, 200)
  })
  app.openapi(put, async (c) => {
    const { description = '', ...asked } = c.req.valid('json')
    const role = await core.users.putRole({ ...c.req.valid('param'), ...asked, description }, asCaller(callerOf(c)))
    return c.json(roleShape(role), 200)
  })
  app.openapi(remove, async (c) => {
    await core.users.deleteRole(c.req.valid('param'), asCaller(callerOf(c)))
    return c.body(null, 204)
  })
}
