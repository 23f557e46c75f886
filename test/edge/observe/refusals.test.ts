import { expect, test } from 'vitest'
import { createEdge } from '../support.ts'

test('what is refused here to somebody known is reported, the same in one, and nothing of strangers', async () => {
  const edge = createEdge()
  edge.fake.publish({ name: 'top', cache: { ttlSeconds: 600 } })
  const key = edge.fake.key({ scopes: ['sql:read'] })
  for (let n = 0; n < 3; n++) expect((await edge.get('/v1/endpoints/top', key)).status).toBe(403)
  expect((await edge.get('/v1/endpoints/top', 'not a key')).status).toBe(401)
  await expect.poll(() => edge.fake.state.refusals.reduce((sum, { count }) => sum + (count ?? 0), 0)).toBe(3)
  expect(edge.fake.state.refusals[0]).toMatchObject({
    workspace: 'main',
    actor: edge.fake.actorOf(key).id,
    action: 'GET /v1/endpoints/:name',
    code: 'auth.scope',
    reason: 'This needs the scope endpoints:read:top.',
  })
})

test('what the core refused is in the log already', async () => {
  const edge = createEdge()
  const key = edge.fake.key()
  expect((await edge.get('/v1/endpoints/absent', key)).status).toBe(404)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(edge.fake.state.refusals).toEqual([])
})
