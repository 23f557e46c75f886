import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Failure } from '#mesh/errors.ts'
import { OnUnknown, type Schema, type Stream } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { one, searchParams } from './formats.ts'
import { ifVersion, versionTag } from './preconditions.ts'
import { failures, Flag, iso, json, jsonBody, Name, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const onUnknown = { add: OnUnknown.ADD, ignore: OnUnknown.IGNORE, quarantine: OnUnknown.QUARANTINE } as const

const schema = {
  columns: z
    .array(
      z.strictObject({
        name: z.string(),
        type: z.string().openapi({ example: 'Int64' }),
        pii: z
          .boolean()
          .optional()
          .openapi({ description: 'Personal data: masked for whoever lacks `pii:read`. Absent: as it is' }),
      }),
    )
    .max(1_000)
    .optional(),
  json_schema: z
    .record(z.string(), z.unknown())
    .optional()
    .openapi({ description: 'A JSON Schema (2020-12) for the rows; without columns, they are taken from it' }),
  order_by: z.array(z.string()).optional(),
  partition_by: z.string().optional(),
  ttl: z.string().optional().openapi({ example: '90 DAY' }),
  id: z.string().optional().openapi({ description: 'The column that identifies an event' }),
  time: z.string().optional().openapi({ description: 'The column that holds its time' }),
  on_unknown: z.enum(['add', 'ignore', 'quarantine']).optional(),
}
export const StreamSchema = z.strictObject(schema).openapi('StreamSchema')

// Not extended from the one above: a description of both together would allow neither's members.
const StreamShape = z
  .object({
    ...schema,
    name: Name,
    version: z.int(),
    created_at: z.iso.datetime().optional(),
    statistics: z
      .object({ rows: z.int(), bytes: z.int(), quarantined: z.int(), repeated: z.int(), lag: z.int() })
      .optional(),
  })
  .openapi('Stream')

export function schemaShape(schema: Schema): z.input<typeof StreamSchema> {
  return {
    columns: schema.columns.map(({ name, type, pii }) => ({ name, type, ...(pii && { pii }) })),
    ...(schema.jsonSchema !== '' && { json_schema: JSON.parse(schema.jsonSchema) as Record<string, unknown> }),
    order_by: schema.orderBy,
    ...(schema.partitionBy !== '' && { partition_by: schema.partitionBy }),
    ...(schema.ttl !== '' && { ttl: schema.ttl }),
    ...(schema.id !== '' && { id: schema.id }),
    ...(schema.time !== '' && { time: schema.time }),
    on_unknown:
      schema.onUnknown === OnUnknown.IGNORE
        ? 'ignore'
        : schema.onUnknown === OnUnknown.QUARANTINE
          ? 'quarantine'
          : 'add',
  }
}

function streamShape({ name, version, schema, createdAt, statistics }: Stream): z.input<typeof StreamShape> {
  return {
    name,
    version,
    ...(schema === undefined ? { columns: [] } : schemaShape(schema)),
    ...(createdAt && { created_at: iso(createdAt) }),
    ...(statistics && {
      statistics: {
        rows: Number(statistics.rows),
        bytes: Number(statistics.bytes),
        quarantined: Number(statistics.quarantined),
        repeated: Number(statistics.repeated),
        lag: Number(statistics.lag),
      },
    }),
  }
}

const Offset = z.int().min(0)
const Partition = z.int().min(0).max(65_535)
const StreamReplay = z
  .strictObject({
    time: z.iso
      .datetime({ offset: true })
      .optional()
      .openapi({ description: 'What came to the log from then on. Neither this nor offsets: all that can be' }),
    offsets: z
      .array(z.strictObject({ partition: Partition, offset: Offset }))
      .min(1)
      .max(64)
      .optional()
      .openapi({ description: 'Of these partitions, from there on' }),
  })
  .openapi('StreamReplay')
const StreamReplayed = z
  .object({
    partitions: z.array(z.object({ partition: Partition, from: Offset, to: Offset })),
    queryable: z.boolean(),
  })
  .openapi('StreamReplayed')

const tags = ['streams']
const params = z.object({ name: Name })
const list = createRoute({
  tags,
  summary: 'List streams',
  method: 'get',
  path: '/v1/streams',
  request: { query: query(page) },
  responses: { 200: json('Streams, by name', pageOf(StreamShape)), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One stream, with its statistics',
  method: 'get',
  path: '/v1/streams/{name}',
  request: { params, query: query({}) },
  responses: { 200: json('The stream', StreamShape), ...failures },
})
const put = createRoute({
  tags,
  summary: 'Declare a stream, or add to it',
  method: 'put',
  path: '/v1/streams/{name}',
  request: { params, query: query({ dry_run: Flag }), ...jsonBody(StreamSchema) },
  responses: { 200: json('The stream as it is now (or would be)', StreamShape), ...failures },
})
const remove = createRoute({
  tags,
  summary: 'Drop a stream and its rows',
  method: 'delete',
  path: '/v1/streams/{name}',
  request: { params, query: query({}) },
  responses: { 204: { description: 'It is gone' }, ...failures },
})
const truncate = createRoute({
  tags,
  summary: 'Drop the rows of a stream',
  method: 'post',
  path: '/v1/streams/{name}/truncate',
  request: { params, query: query({}) },
  responses: { 204: { description: 'They are gone' }, ...failures },
})

const replay = createRoute({
  tags,
  summary: 'Read the log of a stream again',
  description: [
    'Reads what the event log still has of the stream, from a time or from offsets on, and brings to the table what that',
    'lacks: deleted and truncated rows come back, nothing is there twice, and what was refused stays in quarantine.',
  ].join(' '),
  method: 'post',
  path: '/v1/streams/{name}/replay',
  request: { params, query: query({}), ...jsonBody(StreamReplay) },
  responses: {
    200: json('It has been read', StreamReplayed),
    202: json('It is being read', StreamReplayed),
    ...failures,
  },
})

const deletion = createRoute({
  tags,
  summary: 'Delete rows by condition',
  description: [
    'Deletes the rows that a condition holds for. `{name:Type}` in it are parameters: their values are further query',
    'parameters. It needs the scopes streams:write and sql:read. A deleted event that is sent again is a repeat as before.',
    'The event log keeps what it has until its retention: until then reading it again brings the rows back, and after',
    'that nothing does.',
  ].join(' '),
  method: 'delete',
  path: '/v1/streams/{name}/rows',
  request: {
    params,
    query: z.object({
      where: z.string().openapi({ description: 'What may stand after WHERE', example: 'status = {status:UInt16}' }),
      dry_run: Flag.openapi({ description: 'Only count them' }),
    }),
  },
  responses: { 200: json('How many rows are gone (or would be)', z.object({ deleted: z.int() })), ...failures },
})

export function streams(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const { streams: found, nextCursor: next } = await core.ingest.listStreams(
      paging(c.req.valid('query')),
      asCaller(callerOf(c)),
    )
    return c.json({ data: found.map(streamShape), next_cursor: nextCursor(next) }, 200)
  })
  app.openapi(get, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const stream = await core.ingest.getStream({ name }, asCaller(callerOf(c)))
    return c.json(streamShape(stream), 200, { etag: versionTag(stream.version) })
  })
  app.openapi(put, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const given = c.req.valid('json')
    const stream = await core.ingest.putStream(
      {
        name,
        ifVersion: ifVersion(c.req.header('if-match')),
        dryRun: c.req.valid('query').dry_run ?? false,
        schema: {
          jsonSchema: given.json_schema === undefined ? '' : JSON.stringify(given.json_schema),
          columns: (given.columns ?? []).map((column) => ({
            name: column.name,
            type: column.type,
            ...(column.pii !== undefined && { pii: column.pii }),
          })),
          orderBy: given.order_by ?? [],
          partitionBy: given.partition_by ?? '',
          ttl: given.ttl ?? '',
          id: given.id ?? '',
          time: given.time ?? '',
          onUnknown: given.on_unknown === undefined ? OnUnknown.UNSPECIFIED : onUnknown[given.on_unknown],
        },
      },
      asCaller(callerOf(c)),
    )
    return c.json(streamShape(stream), 200, { etag: versionTag(stream.version) })
  })
  app.openapi(remove, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    await core.ingest.deleteStream({ name }, asCaller(callerOf(c)))
    return c.body(null, 204)
  })
  // The condition's own parameters are not known here, so this route checks its parameters itself.
  app.openAPIRegistry.registerPath(deletion)
  app.openapi({ ...deletion, request: { params }, hide: true }, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const given = searchParams(c.req.url)
    const where = one(given, 'where') ?? ''
    const dryRun = flagOf(one(given, 'dry_run'))
    const values = Object.fromEntries([...given].map(([key, all]) => [key, { values: [...all] }]))
    const request = { name, where, dryRun, params: values }
    const { deleted } = await core.ingest.deleteRows(request, asCaller(callerOf(c)))
    return c.json({ deleted: Number(deleted) }, 200)
  })
  app.openapi(replay, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    const { time, offsets = [] } = c.req.valid('json')
    const answer = await core.ingest.replayStream(
      {
        name,
        ...(time !== undefined && { time: timestampFromDate(new Date(time)) }),
        offsets: offsets.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) })),
      },
      asCaller(callerOf(c)),
    )
    const partitions = answer.partitions.map(({ partition, from, to }) => {
      return { partition, from: Number(from), to: Number(to) }
    })
    return c.json({ partitions, queryable: answer.queryable }, answer.queryable ? 200 : 202)
  })
  app.openapi(truncate, async (c) => {
    const { name } = c.req.valid('param')
    c.set('resource', name)
    await core.ingest.truncateStream({ name }, asCaller(callerOf(c)))
    return c.body(null, 204)
  })
}

function flagOf(text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw new Failure('request.invalid', 'dry_run is `true` or `false`.', {
    errors: [{ pointer: 'dry_run', reason: 'not `true` or `false`' }],
  })
}
