import { expect, test } from 'vitest'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { PutQueryResponseSchema, type PutQueryRequestSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import { createEdge, problemOf } from '../support.ts'

/** A core that keeps what is published. */
function publishing() {
  const edge = createEdge()
  const sent: MessageInitShape<typeof PutQueryRequestSchema>[] = []
  Object.assign(edge.fake.core.query, {
    async putQuery(request: MessageInitShape<typeof PutQueryRequestSchema>) {
      sent.push(request)
      const { name = '', sql = '', cache, limit } = request
      return create(PutQueryResponseSchema, {
        query: { name, sql, version: 4, live: true, ...(cache && { cache }), ...(limit && { limit }) },
        changed: true,
      })
    },
  })
  const key = edge.fake.key({ scopes: ['queries:write'] })
  const put = (path: string, body: object, headers: Record<string, string> = {}) =>
    edge.get(
      path,
      key,
      { 'content-type': 'application/json', ...headers },
      { method: 'PUT', body: JSON.stringify(body) },
    )
  return { sent, put }
}

test('publishing sends what was said, under the ETag that was asked for, and answers the new one', async () => {
  const { sent, put } = publishing()
  const response = await put(
    '/v1/queries/top?dry_run=true',
    {
      sql: 'SELECT 1',
      params: {
        day: { default: '2026-01-01', description: 'which' },
        ids: { default: [1, 2] },
        n: { required: true, enum: [1, 'b'] },
      },
      cache: { ttl_s: 60, swr_s: 5 },
      limit: { requests: 10, cost: 2 },
    },
    { 'if-match': '"3"' },
  )
  expect(response.status).toBe(200)
  expect(response.headers.get('etag')).toBe('"4"')
  expect(await response.json()).toMatchObject({
    name: 'top',
    version: 4,
    url: '/v1/endpoints/top',
    cache: { ttl_s: 60, swr_s: 5, stale_if_error_s: 0 },
    limit: { requests: 10, window_s: 60, cost: 2 },
    changed: true,
  })
  expect(sent[0]).toMatchObject({
    ifVersion: 3,
    dryRun: true,
    parameters: [
      { name: 'day', defaultValue: '2026-01-01', description: 'which' },
      { name: 'ids', defaultValue: '[1,2]' },
      { name: 'n', required: true, enumValues: ['1', 'b'] },
    ],
  })
})

test.each([
  [{ sql: 'SELECT 1', chache: {} }, {}, ''],
  [{ sql: '' }, {}, '/sql'],
  [{ sql: 'SELECT 1', cache: { ttl_s: -1 } }, {}, '/cache/ttl_s'],
  [{ sql: 'SELECT 1' }, { 'if-match': 'yesterday' }, 'If-Match'],
])('publishing %j with %j is 400 and points at the place', async (body, headers, pointer) => {
  const { sent, put } = publishing()
  const response = await put('/v1/queries/top', body, headers)
  expect(response.status).toBe(400)
  const { errors = [] } = await problemOf(response)
  expect(errors[0]?.pointer).toBe(pointer === '' ? '/' : pointer)
  expect(sent).toHaveLength(0)
})

test('a body that is not JSON, or too large, is a problem', async () => {
  const edge = createEdge()
  const key = edge.fake.key({ scopes: ['queries:write'] })
  const put = (body: string) =>
    edge.get('/v1/queries/top', key, { 'content-type': 'application/json' }, { method: 'PUT', body })
  const broken = await put('{"sql":')
  expect(broken.status).toBe(400)
  expect(await problemOf(broken)).toMatchObject({ code: 'request.invalid' })
  expect((await put(JSON.stringify({ sql: 'x'.repeat(1 << 20) }))).status).toBe(413)
})
