import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Parameter, Query } from '#proto/edgewise/query/v1/query_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { failures, json, query } from './schemas.ts'

const maxPages = 10
const pageLimit = 1_000

const describe = createRoute({
  tags: ['queries'],
  summary: 'OpenAPI 3.1 of the workspace’s own endpoints',
  method: 'get',
  path: '/v1/openapi.json',
  request: { query: query({}) },
  responses: { 200: json('The description', z.record(z.string(), z.unknown())), ...failures },
})

/** What a workspace has published, as an API description of its own: made anew each time, so it is never behind. */
export function endpointDocs(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(describe, async (c) => {
    const published: Query[] = []
    let cursor = ''
    for (let page = 0; page < maxPages; page++) {
      const found = await core.query.listQueries({ limit: pageLimit, cursor }, asCaller(callerOf(c)))
      published.push(...found.queries)
      cursor = found.nextCursor
      if (cursor === '') break
    }
    return c.json(
      {
        openapi: '3.1.0',
        info: { title: 'Endpoints', version: '1' },
        servers: [{ url: '/' }],
        security: [{ bearer: [] }],
        paths: Object.fromEntries(
          published.map((one) => [`/v1/endpoints/${one.name}.json`, { get: operationOf(one) }]),
        ),
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      },
      200,
    )
  })
}

function operationOf(one: Query): object {
  return {
    operationId: one.name,
    summary: one.description === '' ? one.name : one.description,
    'x-version': one.version,
    parameters: one.parameters.map(parameterOf),
    responses: { 200: { description: 'The rows', content: { 'application/json': { schema: resultOf(one) } } } },
  }
}

function parameterOf({ name, type, required, description, defaultValue, enumValues }: Parameter): object {
  return {
    name,
    in: 'query',
    required,
    ...(description !== '' && { description }),
    schema: {
      ...schemaOf(type),
      ...(defaultValue !== undefined && { default: defaultValue }),
      ...(enumValues.length > 0 && { enum: enumValues }),
    },
  }
}

function resultOf({ columns }: Query): object {
  const properties = Object.fromEntries(columns.map(({ name, type }) => [name, schemaOf(type)]))
  return {
    type: 'object',
    properties: { data: { type: 'array', items: { type: 'object', properties } }, rows: { type: 'integer' } },
  }
}

/** What a value of a ClickHouse type is in JSON. */
function schemaOf(type: string): object {
  const [, around = '', inner = ''] = /^(Nullable|LowCardinality|Array)\((.*)\)$/.exec(type) ?? []
  if (around === 'Nullable') return { anyOf: [schemaOf(inner), { type: 'null' }] }
  if (around === 'LowCardinality') return schemaOf(inner)
  if (around === 'Array') return { type: 'array', items: schemaOf(inner) }
  if (/^U?Int\d+$/.test(type)) return { type: 'integer' }
  if (/^Float\d+$/.test(type)) return { type: 'number' }
  if (type === 'Bool') return { type: 'boolean' }
  if (type.startsWith('DateTime')) return { type: 'string', format: 'date-time' }
  if (type.startsWith('Date')) return { type: 'string', format: 'date' }
  return { type: 'string', description: type }
}
