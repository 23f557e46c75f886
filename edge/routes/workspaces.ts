import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import type { Workspace } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { CreatedKey, keyShape } from './keys.ts'
import { failures, iso, json, jsonBody, Name, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const Origins = z
  .array(z.string().max(300))
  .max(100)
  .openapi({ description: 'Origins that browsers may call from; `*` is any', example: ['https://app.example.com'] })
const Shape = z
  .object({ name: Name, created_at: z.iso.datetime().optional(), cors_origins: Origins })
  .openapi('Workspace')

function workspaceShape({ name, createdAt, corsOrigins }: Workspace): z.input<typeof Shape> {
  return { name, ...(createdAt && { created_at: iso(createdAt) }), cors_origins: corsOrigins }
}

const tags = ['workspaces']
const list = createRoute({
  tags,
  summary: 'List workspaces',
  method: 'get',
  path: '/v1/workspaces',
  request: { query: query(page) },
  responses: { 200: json('Workspaces, by name', pageOf(Shape)), ...failures },
})
const create = createRoute({
  tags,
  summary: 'Make a workspace and its first key',
  method: 'post',
  path: '/v1/workspaces',
  request: { query: query({}), ...jsonBody(z.strictObject({ name: Name })) },
  responses: {
    201: json('The workspace and its administrator’s key', z.object({ workspace: Shape, key: CreatedKey })),
    ...failures,
  },
})
const update = createRoute({
  tags,
  summary: 'Change the settings of the key’s workspace',
  method: 'patch',
  path: '/v1/workspaces/{name}',
  request: {
    params: z.object({ name: Name }),
    query: query({}),
    ...jsonBody(z.strictObject({ cors_origins: Origins })),
  },
  responses: { 200: json('The workspace', Shape), ...failures },
})

export function workspaces(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.identity.listWorkspaces(paging(c.req.valid('query')), asCaller(callerOf(c)))
    return c.json({ data: found.workspaces.map(workspaceShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(create, async (c) => {
    const { workspace, key } = await core.identity.createWorkspace(c.req.valid('json'), asCaller(callerOf(c)))
    return c.json({ workspace: workspaceShape(workspace!), key: { ...keyShape(key!.key!), key: key!.text } }, 201, {
      'cache-control': 'no-store',
    })
  })
  app.openapi(update, async (c) => {
    // A key has power over its own workspace only; another one is as if it were not there.
    if (c.req.valid('param').name !== c.var.session.actor.workspace)
      throw new Failure('resource.not_found', 'There is no such workspace.')
    const workspace = await core.identity.updateWorkspace(
      { corsOrigins: c.req.valid('json').cors_origins },
      asCaller(callerOf(c)),
    )
    return c.json(workspaceShape(workspace), 200)
  })
}
