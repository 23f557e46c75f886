import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { asCaller } from '../../core.ts'
import type { Deps } from '../../deps.ts'
import { maxJsonBytes, readBody, textOf } from '../body.ts'
import { type AppContext, type AppEnv, callerOf } from '../context.ts'
import { onlyVersion, versionTag } from '../preconditions.ts'
import { failures, json, nextCursor, page, pageOf, paging, query } from '../schemas.ts'
import { Collection, entrySchema, entryShape, Id, type Kind, kinds, nameOf } from './shapes.ts'

const maxImportBytes = 8 << 20

/** Products, items and documents: the same routes for each. */
export function catalog(app: OpenAPIHono<AppEnv>, deps: Deps): void {
  for (const kind of kinds) entries(app, deps, kind)
}

const conditions = {
  'if-match': z.string().max(64).optional().openapi({ description: 'Only where this is its ETag' }),
  'if-none-match': z.string().max(64).optional().openapi({ description: '`*`: only where there is none' }),
}

function describe(kind: Kind) {
  const { one, many, path, id, param, fields } = kind
  const tags = ['catalogue']
  const shape = entrySchema(kind)
  const place = many === 'documents' ? { collection: Collection } : {}
  const params = z.object({ ...place, [param]: Id })
  const entry = `${path}/{${param}}`
  const lines = {
    schema: z
      .string()
      .openapi({ format: 'binary', description: `A JSON object on each line: \`${id}\`, and what a put takes` }),
  }
  return {
    list: createRoute({
      tags,
      summary: `List ${many}`,
      method: 'get',
      path,
      request: {
        params: z.object(place),
        query: query({
          ...page,
          search: z
            .string()
            .max(200)
            .optional()
            .openapi({ description: 'Words, or parts of words, that its texts all hold, whatever their case' }),
        }),
      },
      responses: { 200: json(`By ${id}`, pageOf(shape)), ...failures },
    }),
    get: createRoute({
      tags,
      summary: `One ${one}`,
      method: 'get',
      path: entry,
      request: { params, query: query({}) },
      responses: { 200: json(`The ${one}`, shape), ...failures },
    }),
    put: createRoute({
      tags,
      summary: `Make a ${one}, or replace it`,
      method: 'put',
      path: entry,
      request: { params, query: query({}), headers: z.object(conditions) },
      responses: { 200: json('As it is now; the same again is no change', shape), ...failures },
    }),
    putBody: { 'application/json': { schema: fields.openapi(`New${nameOf(one)}`) } },
    remove: createRoute({
      tags,
      summary: `Delete a ${one}`,
      method: 'delete',
      path: entry,
      request: { params, query: query({}), headers: z.object({ 'if-match': conditions['if-match'] }) },
      responses: { 204: { description: 'It is gone' }, ...failures },
    }),
    load: createRoute({
      tags,
      summary: `Put many ${many} at once: all of them, or none where one does not hold`,
      method: 'post',
      path: `${path}/import`,
      request: { params: z.object(place), query: query({}) },
      responses: {
        200: json('What became of them', z.object({ written: z.int(), unchanged: z.int() })),
        ...failures,
      },
    }),
    loadBody: { 'application/json': lines, 'application/x-ndjson': lines },
  }
}

function entries(app: OpenAPIHono<AppEnv>, { core }: Deps, kind: Kind): void {
  const { resource, param, many } = kind
  const { list, get, put, putBody, remove, load, loadBody } = describe(kind)
  const place = (c: AppContext) => ({ resource, collection: c.req.param('collection') ?? '' })
  /** Noted as what was asked for: the collection, or all of them. */
  const named = (c: AppContext) => {
    c.set('resource', c.req.param('collection') ?? many)
    return { ...place(c), id: c.req.param(param) ?? '' }
  }
  app.openapi(list, async (c) => {
    const { search = '', ...asked } = c.req.valid('query')
    c.set('resource', c.req.param('collection') ?? many)
    const found = await core.catalog.listEntries({ ...place(c), ...paging(asked), search }, asCaller(callerOf(c)))
    const data = found.entries.map((entry) => entryShape(kind, entry))
    return c.json({ data, next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(get, async (c) => {
    const entry = await core.catalog.getEntry(named(c), asCaller(callerOf(c)))
    return c.json(entryShape(kind, entry), 200, { etag: versionTag(entry.version) })
  })
  // What is sent goes on as it came: the core holds it to what it must be.
  app.openAPIRegistry.registerPath({ ...put, request: { ...put.request, body: { required: true, content: putBody } } })
  app.openapi({ ...put, hide: true }, async (c) => {
    const asked = named(c)
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = c.req.valid('header')
    const only = onlyVersion(ifMatch, ifNoneMatch)
    const fields = textOf(await readBody(c.req.raw, maxJsonBytes))
    const entry = await core.catalog.putEntry(
      { ...asked, fields, ...(only !== undefined && { ifVersion: only }) },
      asCaller(callerOf(c)),
    )
    c.set('events', 1)
    return c.json(entryShape(kind, entry), 200, { etag: versionTag(entry.version) })
  })
  app.openapi(remove, async (c) => {
    const only = onlyVersion(c.req.valid('header')['if-match'], undefined)
    await core.catalog.deleteEntry(
      { ...named(c), ...(only !== undefined && { ifVersion: only }) },
      asCaller(callerOf(c)),
    )
    c.set('events', 1)
    return c.body(null, 204)
  })
  app.openAPIRegistry.registerPath({
    ...load,
    request: { ...load.request, body: { required: true, content: loadBody } },
  })
  app.openapi({ ...load, hide: true }, async (c) => {
    // Before the body is read, which may be long.
    core.breakers.catalog.check({ share: c.var.session.actor.workspace, priority: 'batch' })
    const body = await readBody(c.req.raw, maxImportBytes)
    c.set('resource', c.req.param('collection') ?? many)
    c.set('requestBytes', body.byteLength)
    const { written, unchanged } = await core.catalog.importEntries({ ...place(c), body }, asCaller(callerOf(c)))
    c.set('events', written)
    return c.json({ written, unchanged }, 200)
  })
}
