import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import { answer } from '../../cache/answer.ts'
import type { Outcome } from '../../cache/through.ts'
import { questionOf } from '../../cache/question.ts'
import { asCaller } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { charge } from '../../limit/enforce.ts'
import { maxJsonBytes, paramsOf, parseExact, readBody, textOf } from '../body.ts'
import { type AppContext, type AppEnv, backgroundOf, callerOf } from '../context.ts'
import { splitSuffix } from '../formats.ts'
import { failures } from '../schemas.ts'
import { askedOf } from './asked.ts'
import { targetOf } from './hit.ts'
import { respond } from './respond.ts'
import type { Resolution } from './resolutions.ts'

/** Those for which this very request had something read. */
const fetched: ReadonlySet<Outcome> = new Set<Outcome>(['MISS', 'EXPIRED', 'BYPASS'])

const tags = ['endpoints']
const common = {
  tags,
  path: '/v1/endpoints/{name}',
  responses: {
    200: {
      description:
        'The rows. `.json`, `.ndjson`, `.csv`, `.parquet` or `.arrow` after the name, or Accept, choose the format',
      content: {
        'application/json': { schema: z.unknown() },
        'application/x-ndjson': { schema: z.unknown() },
        'text/csv': { schema: z.string() },
      },
    },
    304: { description: 'The rows are those of If-None-Match' },
    ...failures,
  },
}
const params = z.object({ name: z.string().openapi({ example: 'requests_per_hour.csv' }) })
const documented = z.object({
  version: z.coerce.number().optional().openapi({ description: 'Pins a version' }),
  timezone: z.string().optional().openapi({ example: 'Europe/Berlin' }),
  int64: z.enum(['number', 'string']).optional(),
})

export function endpoints(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  // The query's own parameters are not known here, so this route checks its parameters itself.
  app.openAPIRegistry.registerPath({
    ...common,
    method: 'get',
    summary: 'Call a published query',
    request: { params, query: documented },
  })
  app.openAPIRegistry.registerPath({
    ...common,
    method: 'post',
    summary: 'Call a published query with its parameters as JSON',
    request: {
      params,
      query: documented,
      body: { content: { 'application/json': { schema: z.record(z.string(), z.unknown()) } } },
    },
  })
  app.openapi({ ...createRoute({ ...common, method: 'get' }), hide: true }, (c) => serve(c, deps))
  app.openapi({ ...createRoute({ ...common, method: 'post' }), hide: true }, (c) => serve(c, deps))
}

async function serve(c: AppContext, deps: Deps): Promise<Response> {
  const { name, format } = splitSuffix(c.req.param('name') ?? '')
  const { session, degraded } = c.var
  c.set('resource', name)
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(name)) throw new Failure('resource.not_found', 'There is no such endpoint.')
  if (!allows(session.actor.scopes, 'endpoints:read', name)) {
    throw new Failure('auth.scope', `This needs the scope endpoints:read:${name}.`)
  }
  const accept = c.req.header('accept') ?? null
  const body = c.req.method === 'POST' ? await bodyParams(c) : undefined
  const asked = askedOf({ url: c.req.url, format, accept, ...(body && { body }) })
  const caller = callerOf(c)
  const description = degraded
    ? deps.descriptions.peek(session.actor.workspace, name, asked.version)
    : await deps.descriptions.get(session.actor.workspace, name, asked.version, asCaller(caller))
  if (description === undefined)
    throw new Failure('core.unavailable', 'The core does not answer.', { retryAfterMs: 2_000 })
  const question = questionOf(session, description, asked)

  const { limit } = description.said
  const resolution: Resolution = {
    question,
    name,
    cost: limit?.cost || 1,
    meter: limit?.requests
      ? deps.meters(`${session.actor.workspace}/${session.actor.id}/${name}`, {
          name: 'endpoint',
          limit: limit.requests,
          windowMs: (limit.windowSeconds || 60) * 1000,
        })
      : undefined,
  }
  c.set('cost', resolution.cost)
  await charge(c, session.meter, resolution.cost - 1)
  if (resolution.meter !== undefined) await charge(c, resolution.meter, 1)

  const answered = await answer(deps, question, { ...caller, background: backgroundOf(c), degraded })
  c.set('cache', answered.outcome)
  if (answered.whole && fetched.has(answered.outcome)) c.set('read', answered.answer.read)
  if (answered.whole && c.req.method === 'GET')
    deps.resolutions.set(session, targetOf(c.req.url), accept ?? '', resolution)
  return respond(c, answered, resolution, deps.now())
}

async function bodyParams(c: AppContext): Promise<Map<string, readonly string[]>> {
  const body = await readBody(c.req.raw, maxJsonBytes)
  c.set('requestBytes', body.byteLength)
  if (body.byteLength === 0) return new Map()
  if (!/^application\/json\b/i.test(c.req.header('content-type') ?? '')) {
    throw new Failure('request.unsupported_media_type', 'The parameters of a POST are JSON.', {
      hint: 'Send application/json.',
    })
  }
  return paramsOf(parseExact(textOf(body)))
}
