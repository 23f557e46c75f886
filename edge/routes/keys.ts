import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Key, Plan as PlanMessage, PlanSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { asCaller } from '../core.ts'
import type { Deps } from '../deps.ts'
import { type AppEnv, callerOf } from './context.ts'
import { Count, failures, iso, json, jsonBody, nextCursor, page, pageOf, paging, query } from './schemas.ts'

const Plan = z.strictObject({
  name: z.string().max(64).optional(),
  requests: Count.openapi({ description: 'Per window; 0 is unlimited, here and below' }),
  window_s: z.int().min(1).max(86_400),
  rows: z.int().min(0).optional().openapi({ description: 'That its queries may read per window' }),
  bytes: z.int().min(0).optional().openapi({ description: 'That its queries may read per window' }),
  events: z.int().min(0).optional().openapi({ description: 'That it may send per window' }),
  burst: z.int().min(0).max(0xffff_ffff).optional().openapi({
    description: 'Requests that may come at once, beyond an even flow',
  }),
  concurrency: z.int().min(0).max(0xffff_ffff).optional().openapi({ description: 'Queries that may run at once' }),
})
/** One without a limit has no window. */
const PlanShape = Plan.extend({ name: z.string(), window_s: z.int().min(0) })
export const Value = z.union([z.string(), z.number(), z.boolean()])
const Meta = z
  .record(z.string(), z.json())
  .openapi({ description: 'Whatever you want to know of the key again', type: 'object' })
export const Filters = z
  .record(
    z.string(),
    z
      .record(z.string(), z.union([Value, z.array(Value).min(1)]))
      .refine((filter) => Object.keys(filter).length === 1, 'one column for each stream'),
  )
  // Taken for no filters at all, it would be a credential that sees everything.
  .refine((filters) => Object.keys(filters).length > 0, 'name a stream, or leave filters out')
  .openapi({
    description: 'Which rows of each stream exist for its bearer',
    example: { orders: { customer: ['c1', 'c2'] } },
  })
const New = z
  .strictObject({
    name: z.string().min(1).max(100),
    scopes: z
      .array(z.string().max(200))
      .min(1)
      .max(100)
      .openapi({ example: ['endpoints:read', 'events:write:orders'] }),
    plan: Plan.optional(),
    params: z.record(z.string(), Value).optional().openapi({ description: 'Endpoint parameters bound for this key' }),
    filters: Filters.optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
    subject: z.string().max(200).optional().openapi({ description: 'Keys of one subject share their limits' }),
    meta: Meta.optional(),
    addresses: z
      .array(z.string().max(50))
      .max(100)
      .optional()
      .openapi({ description: 'Networks (CIDR) that it may be used from; none: any', example: ['192.0.2.0/24'] }),
    origins: z
      .array(z.string().max(300))
      .max(100)
      .optional()
      .openapi({ description: 'Origins that browsers may use it from; none: any that the workspace allows' }),
    hash: z
      .string()
      .max(64)
      .optional()
      .openapi({ description: 'SHA-256 in hex of a key made elsewhere, to import it' }),
  })
  .openapi('NewKey')
const KeyShape = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(z.string()),
    plan: PlanShape.optional(),
    params: z.record(z.string(), z.string()),
    filters: z.record(z.string(), z.record(z.string(), z.array(z.string()))),
    created_at: z.iso.datetime().optional(),
    expires_at: z.iso.datetime().optional(),
    revoked_at: z.iso.datetime().optional(),
    used_at: z.iso.datetime().optional().openapi({ description: 'To a minute or so' }),
    subject: z.string().optional(),
    meta: Meta.optional(),
    addresses: z.array(z.string()),
    origins: z.array(z.string()),
    replaced_by: z.string().optional(),
  })
  .openapi('Key')
export const CreatedKey = KeyShape.extend({
  key: z.string().optional().openapi({ description: 'The text: shown this once; none for an imported key' }),
}).openapi('CreatedKey')

/** It was checked to be an object where it was given. */
function metaOf(text: string): z.output<typeof Meta> {
  return JSON.parse(text) as z.output<typeof Meta>
}

export function filtersOf(filters: z.output<typeof Filters> = {}) {
  return Object.entries(filters).flatMap(([stream, filter]) =>
    Object.entries(filter).map(([column, value]) => ({ stream, column, values: [value].flat().map(String) })),
  )
}

function planOf(plan: z.output<typeof Plan>): MessageInitShape<typeof PlanSchema> {
  const { name = 'custom', requests, window_s: windowSeconds, burst = 0, concurrency = 0 } = plan
  const [rows, bytes, events] = [BigInt(plan.rows ?? 0), BigInt(plan.bytes ?? 0), BigInt(plan.events ?? 0)]
  return { name, requests, windowSeconds, rows, bytes, events, burst, concurrency }
}

function planShape(plan: PlanMessage): z.input<typeof PlanShape> {
  const further = { rows: plan.rows, bytes: plan.bytes, events: plan.events, burst: plan.burst }
  return {
    name: plan.name,
    requests: plan.requests,
    window_s: plan.windowSeconds,
    ...Object.fromEntries(
      Object.entries({ ...further, concurrency: plan.concurrency }).flatMap(([unit, value]) =>
        value > 0 ? [[unit, Number(value)]] : [],
      ),
    ),
  }
}

export function keyShape(key: Key): z.input<typeof KeyShape> {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: key.scopes,
    ...(key.plan && { plan: planShape(key.plan) }),
    params: key.params,
    filters: Object.fromEntries(key.filters.map(({ stream, column, values }) => [stream, { [column]: values }])),
    ...(key.createdAt && { created_at: iso(key.createdAt) }),
    ...(key.expiresAt && { expires_at: iso(key.expiresAt) }),
    ...(key.revokedAt && { revoked_at: iso(key.revokedAt) }),
    ...(key.usedAt && { used_at: iso(key.usedAt) }),
    ...(key.subject !== '' && { subject: key.subject }),
    ...(key.meta !== '' && { meta: metaOf(key.meta) }),
    addresses: key.addresses,
    origins: key.origins,
    ...(key.replacedBy !== '' && { replaced_by: key.replacedBy }),
  }
}

const tags = ['keys']
const params = z.object({ id: z.string().regex(/^key_\w{1,64}$/, 'is not an id of a key') })
const list = createRoute({
  tags,
  summary: 'List keys',
  method: 'get',
  path: '/v1/keys',
  request: { query: query(page) },
  responses: { 200: json('Keys, newest first', pageOf(KeyShape)), ...failures },
})
const get = createRoute({
  tags,
  summary: 'One key',
  method: 'get',
  path: '/v1/keys/{id}',
  request: { params, query: query({}) },
  responses: { 200: json('The key', KeyShape), ...failures },
})
const create = createRoute({
  tags,
  summary: 'Make a key',
  method: 'post',
  path: '/v1/keys',
  request: { query: query({}), ...jsonBody(New) },
  responses: { 201: json('The key and its text', CreatedKey), ...failures },
})
const reroll = createRoute({
  tags,
  summary: 'Replace a key by another that can do the same',
  method: 'post',
  path: '/v1/keys/{id}/reroll',
  request: {
    params,
    query: query({}),
    ...jsonBody(
      z.strictObject({
        grace_s: z.int().min(0).max(2_592_000).optional().openapi({ description: 'How long the old one still holds' }),
      }),
    ),
  },
  responses: { 201: json('The new key and its text', CreatedKey), ...failures },
})
const revoke = createRoute({
  tags,
  summary: 'Revoke a key',
  method: 'delete',
  path: '/v1/keys/{id}',
  request: { params, query: query({}) },
  responses: { 200: json('The key as it was', KeyShape), ...failures },
})

export function keys(app: OpenAPIHono<AppEnv>, { core }: Deps): void {
  app.openapi(list, async (c) => {
    const found = await core.identity.listKeys(paging(c.req.valid('query')), asCaller(callerOf(c)))
    return c.json({ data: found.keys.map(keyShape), next_cursor: nextCursor(found.nextCursor) }, 200)
  })
  app.openapi(get, async (c) =>
    c.json(keyShape(await core.identity.getKey(c.req.valid('param'), asCaller(callerOf(c)))), 200),
  )
  app.openapi(create, async (c) => {
    const given = c.req.valid('json')
    const { key, text } = await core.identity.createKey(
      {
        name: given.name,
        scopes: given.scopes,
        ...(given.plan && {
          plan: planOf(given.plan),
        }),
        params: Object.fromEntries(Object.entries(given.params ?? {}).map(([name, value]) => [name, String(value)])),
        filters: filtersOf(given.filters),
        ...(given.expires_at !== undefined && { expiresAt: timestampFromDate(new Date(given.expires_at)) }),
        subject: given.subject ?? '',
        meta: given.meta === undefined ? '' : JSON.stringify(given.meta),
        addresses: given.addresses ?? [],
        origins: given.origins ?? [],
        hash: given.hash ?? '',
      },
      asCaller(callerOf(c)),
    )
    return c.json({ ...keyShape(key!), ...(text !== '' && { key: text }) }, 201, { 'cache-control': 'no-store' })
  })
  app.openapi(reroll, async (c) => {
    const graceSeconds = c.req.valid('json').grace_s ?? 0
    const asked = { ...c.req.valid('param'), graceSeconds }
    const { key, text } = await core.identity.rerollKey(asked, asCaller(callerOf(c)))
    return c.json({ ...keyShape(key!), key: text }, 201, { 'cache-control': 'no-store' })
  })
  app.openapi(revoke, async (c) =>
    c.json(keyShape(await core.identity.revokeKey(c.req.valid('param'), asCaller(callerOf(c)))), 200),
  )
}
