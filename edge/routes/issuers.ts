import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Issuer } from '#proto/edgewise/identity/v1/token_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { failures, iso, json, jsonBody, Name, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const Rule = z.strictObject({
  claim: z
    .string()
    .max(200)
    .optional()
    .openapi({ description: 'A claim, or a path into nested ones; empty fits every token', example: 'groups' }),
  value: z.string().max(500).optional().openapi({ description: 'What the claim is, or holds where it is a list' }),
  workspace: Name.optional().openapi({ description: 'The issuer’s own if absent; another needs workspaces:admin' }),
  roles: z.array(z.string().max(48)).min(1).max(20),
})
const fields = {
  issuer: z.string().max(1_000).openapi({ example: 'https://id.example.com/realms/shop' }),
  audiences: z.array(z.string().min(1).max(500)).min(1).max(20),
  algorithms: z.array(z.string().max(10)).max(10).optional(),
  clock_skew_s: z.int().min(0).max(300).optional(),
  rules: z.array(Rule).min(1).max(100),
  client_id: z.string().max(500).optional().openapi({ description: 'For sign-in by browser' }),
}
const New = z
  .strictObject({ ...fields, client_secret: z.string().max(1_000).optional() })
  .openapi('NewIssuer', { description: 'An OpenID provider whose tokens are believed, and who its users are here' })
const Shape = z
  .object({
    name: Name,
    ...fields,
    has_client_secret: z.boolean(),
    keys_fetched_at: z.iso.datetime().optional(),
    keys_error: z.string().optional(),
  })
  .openapi('Issuer')

function issuerShape(issuer: Issuer): z.input<typeof Shape> {
  return {
    name: issuer.name,
    issuer: issuer.issuer,
    audiences: issuer.audiences,
    algorithms: issuer.algorithms,
    clock_skew_s: issuer.clockSkewSeconds,
    rules: issuer.rules.map(({ claim, value, workspace, roles }) => ({ claim, value, workspace, roles })),
    ...(issuer.clientId !== '' && { client_id: issuer.clientId }),
    has_client_secret: issuer.hasClientSecret,
    ...(issuer.keysFetchedAt && { keys_fetched_at: iso(issuer.keysFetchedAt) }),
    ...(issuer.keysError !== '' && { keys_error: issuer.keysError }),
  }
}

const tags = ['issuers']
const params = z.object({ name: Name })
const list = createRoute({
  tags,
  summary: 'List issuers',
  method: 'get',
  path: '/v1/issuers',
  request: { query: query(page) },
  responses: { 200: json('Issuers, by name', pageOf(Shape)), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One issuer',
  method: 'get',
  path: '/v1/issuers/{name}',
  request: { params, query: query({}) },
  responses: { 200: json('The issuer', Shape), ...failures },
})
const put = createRoute({
  tags,
  summary: 'Declare an issuer; its keys are fetched before this answers',
  method: 'put',
  path: '/v1/issuers/{name}',
  request: { params, query: query({}), ...jsonBody(New) },
  responses: { 200: json('The issuer', Shape), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'Believe an issuer no longer',
  method: 'delete',
  path: '/v1/issuers/{name}',
  request: { params, query: query({}) },
  responses: { 204: { description: 'It is gone' }, ...failures },
})

export function issuers(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.tokens.listIssuers(paging(c.req.valid('query')), asCaller(callerOf(c)))
    return c.json({ data: found.issuers.map(issuerShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(get, async (c) =>
    c.json(issuerShape(await core.tokens.getIssuer(c.req.valid('param'), asCaller(callerOf(c)))), 200),
  )
  app.openapi(put, async (c) => {
    const given = c.req.valid('json')
    const issuer = await core.tokens.putIssuer(
      {
        ...c.req.valid('param'),
        issuer: given.issuer,
        audiences: given.audiences,
        algorithms: given.algorithms ?? [],
        clockSkewSeconds: given.clock_skew_s ?? 30,
        rules: given.rules.map(({ claim = '', value = '', workspace = '', roles }) => ({
          claim,
          value,
          workspace,
          roles,
        })),
        clientId: given.client_id ?? '',
        ...(given.client_secret !== undefined && { clientSecret: given.client_secret }),
      },
      asCaller(callerOf(c)),
    )
    return c.json(issuerShape(issuer), 200)
  })
  app.openapi(remove, async (c) => {
    await core.tokens.deleteIssuer(c.req.valid('param'), asCaller(callerOf(c)))
    return c.body(null, 204)
  })
}
