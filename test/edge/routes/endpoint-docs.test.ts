import { expect, test } from 'vitest'
import { create } from '@bufbuild/protobuf'
import { ListQueriesResponseSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import { createEdge } from '../support.ts'

test('the workspace’s endpoints are described with their parameters and columns, all pages of them, as they are now', async () => {
  const edge = createEdge()
  let said = 'Traffic by hour'
  Object.assign(edge.fake.core.query, {
    listQueries: async ({ cursor }: { cursor: string }) =>
      create(
        ListQueriesResponseSchema,
        cursor === 'more'
          ? { queries: [{ name: 'second', version: 1 }] }
          : {
              nextCursor: 'more',
              queries: [
                {
                  name: 'traffic',
                  version: 3,
                  description: said,
                  parameters: [
                    { name: 'prefix', type: 'String', required: true, description: 'Of the path' },
                    {
                      name: 'status',
                      type: 'Array(Nullable(UInt16))',
                      defaultValue: '[200]',
                      enumValues: ['200', '404'],
                    },
                  ],
                  columns: [
                    { name: 'hour', type: "DateTime64(3, 'UTC')" },
                    { name: 'requests', type: 'LowCardinality(UInt64)' },
                  ],
                },
              ],
            },
      ),
  })
  const key = edge.fake.key({ scopes: ['queries:read'] })
  const read = async () => (await edge.get('/v1/openapi.json', key)).json()
  expect(await read()).toMatchObject({
    openapi: '3.1.0',
    paths: {
      '/v1/endpoints/second.json': { get: { operationId: 'second' } },
      '/v1/endpoints/traffic.json': {
        get: {
          summary: 'Traffic by hour',
          'x-version': 3,
          parameters: [
            { name: 'prefix', in: 'query', required: true, description: 'Of the path', schema: { type: 'string' } },
            {
              name: 'status',
              required: false,
              schema: {
                type: 'array',
                items: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
                default: '[200]',
                enum: ['200', '404'],
              },
            },
          ],
          responses: {
            200: {
              content: {
                'application/json': {
                  schema: {
                    properties: {
                      data: { items: { properties: { hour: { format: 'date-time' }, requests: { type: 'integer' } } } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  })
  said = 'Traffic, hour by hour'
  expect(JSON.stringify(await read())).toContain(said)
  expect((await edge.get('/v1/openapi.json')).status).toBe(401)
})
