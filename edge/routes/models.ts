import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Job, Model, Version } from '#proto/edgewise/model/v1/model_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { failures, iso, json, Name, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const Time = z.iso.datetime().optional()
const ModelShape = z
  .object({
    name: Name,
    live_version: z.int().optional().openapi({ description: 'The one that predicts' }),
    newest_version: z.int(),
    target: z.string().optional(),
    engine: z.string(),
    sql: z.string(),
    every_s: z.int().optional().openapi({ description: 'Trained anew so often' }),
    description: z.string().optional(),
    created_at: Time,
  })
  .openapi('Model')
const VersionShape = z
  .object({
    model: Name,
    version: z.int(),
    status: z.enum(['training', 'ready', 'failed', 'cancelled']),
    live: z.boolean(),
    job: z.string(),
    engine: z.string().optional(),
    sha256: z.string().optional(),
    bytes: z.int().optional(),
    created_at: Time,
    card: z.record(z.string(), z.unknown()).optional().openapi({ description: 'The model card' }),
  })
  .openapi('ModelVersion')
const JobShape = z
  .object({
    id: z.string(),
    model: Name,
    version: z.int(),
    status: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
    phase: z.string(),
    percent: z.int(),
    error: z.object({ code: z.string(), detail: z.string() }).optional(),
    created_at: Time,
    started_at: Time,
    ended_at: Time,
  })
  .openapi('Job')

function modelShape(model: Model): z.input<typeof ModelShape> {
  return {
    name: model.name,
    ...(model.live > 0 && { live_version: model.live }),
    newest_version: model.newest,
    ...(model.target !== '' && { target: model.target }),
    engine: model.engine,
    sql: model.sql,
    ...(model.everyMs > 0n && { every_s: Number(model.everyMs) / 1000 }),
    ...(model.description !== '' && { description: model.description }),
    created_at: iso(model.createdAt),
  }
}

function versionShape(version: Version): z.input<typeof VersionShape> {
  return {
    model: version.name,
    version: version.version,
    status: version.status as z.input<typeof VersionShape>['status'],
    live: version.live,
    job: version.job,
    ...(version.engine !== '' && { engine: version.engine }),
    ...(version.sha256 !== '' && { sha256: version.sha256, bytes: Number(version.bytes) }),
    created_at: iso(version.createdAt),
    ...(version.card !== '' && { card: JSON.parse(version.card) as Record<string, unknown> }),
  }
}

function jobShape(job: Job): z.input<typeof JobShape> {
  return {
    id: job.id,
    model: job.model,
    version: job.version,
    status: job.status as z.input<typeof JobShape>['status'],
    phase: job.phase,
    percent: job.percent,
    ...(job.errorCode !== '' && { error: { code: job.errorCode, detail: job.error } }),
    created_at: iso(job.createdAt),
    started_at: iso(job.startedAt),
    ended_at: iso(job.endedAt),
  }
}

const tags = ['models']
const params = z.object({ name: Name })
const ofVersion = z.object({ name: Name, version: z.coerce.number().int().min(1).max(0x7fff_ffff) })
const ofJob = z.object({ id: z.string().regex(/^job_[\da-f]{32}$/, 'is not the id of a job') })
const list = createRoute({
  tags,
  summary: 'List models',
  method: 'get',
  path: '/v1/models',
  request: { query: query(page) },
  responses: { 200: json('Models, by name', pageOf(ModelShape)), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One model',
  method: 'get',
  path: '/v1/models/{name}',
  request: { params, query: query({}) },
  responses: { 200: json('The model', ModelShape), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'Drop a model with all its versions',
  method: 'delete',
  path: '/v1/models/{name}',
  request: { params, query: query({}) },
  responses: { 204: { description: 'It is gone' }, ...failures },
})
const versions = createRoute({
  tags,
  summary: 'The versions of a model',
  method: 'get',
  path: '/v1/models/{name}/versions',
  request: { params, query: query(page) },
  responses: { 200: json('Versions, newest first', pageOf(VersionShape)), ...failures },
})
const version = createRoute({
  tags,
  summary: 'A version with its card',
  method: 'get',
  path: '/v1/models/{name}/versions/{version}',
  request: { params: ofVersion, query: query({}) },
  responses: { 200: json('The version', VersionShape), ...failures },
})
const getJob = createRoute({
  tags,
  summary: 'How a training stands',
  method: 'get',
  path: '/v1/jobs/{id}',
  request: { params: ofJob, query: query({}) },
  responses: { 200: json('The job', JobShape), ...failures },
})
const cancelJob = createRoute({
  tags,
  summary: 'Cancel a training',
  method: 'delete',
  path: '/v1/jobs/{id}',
  request: { params: ofJob, query: query({}) },
  responses: { 200: json('The job; one that has ended stays as it is', JobShape), ...failures },
})

export function models(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.model.listModels(paging(c.req.valid('query')), asCaller(callerOf(c)))
    return c.json({ data: found.models.map(modelShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(get, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    return c.json(modelShape(await core.model.getModel({ name }, asCaller(callerOf(c)))), 200)
  })
  app.openapi(remove, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    await core.model.deleteModel({ name }, asCaller(callerOf(c)))
    return c.body(null, 204)
  })
  app.openapi(versions, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const found = await core.model.listVersions({ name, ...paging(c.req.valid('query')) }, asCaller(callerOf(c)))
    return c.json({ data: found.versions.map(versionShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(version, async (c) => {
    const wanted = c.req.valid('param')
    c.set('resource', wanted.name)
    return c.json(versionShape(await core.model.getVersion(wanted, asCaller(callerOf(c)))), 200)
  })
  app.openapi(getJob, async (c) =>
    c.json(jobShape(await core.model.getJob(c.req.valid('param'), asCaller(callerOf(c)))), 200),
  )
  app.openapi(cancelJob, async (c) =>
    c.json(jobShape(await core.model.cancelJob(c.req.valid('param'), asCaller(callerOf(c)))), 200),
  )
}
