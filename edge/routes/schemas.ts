import { z } from '@hono/zod-openapi'
import type { RowError } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt'

/** Shapes that several resources share, as the public API has them. */

export const Name = z
  .string()
  .regex(/^_?[a-z][a-z0-9_]{0,47}$/, 'must match [a-z][a-z0-9_]{0,47}')
  .openapi({ example: 'requests' })

export const Problem = z
  .object({
    type: z.string().openapi({ description: 'A page about this problem' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ description: 'Stable', example: 'query.unknown_column' }),
    hint: z.string().openapi({ description: 'The way out' }),
    retryable: z.boolean(),
    request_id: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional(),
          line: z.int().optional(),
          column: z.int().optional(),
          reason: z.string(),
        }),
      )
      .optional(),
  })
  .openapi('Problem')

/** Any failure, in every operation. By class: whatever else is answered is a mistake, of ours or of this description. */
const problem = { content: { 'application/problem+json': { schema: Problem } } } as const
export const failures = {
  '4XX': { description: 'A problem of the request (RFC 9457)', ...problem },
  '5XX': { description: 'A problem of the service (RFC 9457)', ...problem },
} as const

export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } } as const
}

export function jsonBody<T extends z.ZodType>(schema: T) {
  return { body: { required: true, content: { 'application/json': { schema } } } } as const
}

/** The contract counts in 32 bits. */
export const Count = z.int().min(0).max(0xffff_ffff)

/** Query parameters: whatever else is sent is refused by name. */
export function query<T extends z.ZodRawShape>(shape: T) {
  const names = Object.keys(shape).join(',')
  // The known names travel in the message, for the did-you-mean that is made of it.
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? names : undefined) })
}

export const Flag = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .optional()

export const page = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .openapi({ description: 'At most so many; 100 if absent' }),
  cursor: z.string().max(1_024).optional().openapi({ description: '`next_cursor` of the page before' }),
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() })
}

export function paging({ limit, cursor }: { limit?: number | undefined; cursor?: string | undefined }) {
  return { limit: limit ?? 0, cursor: cursor ?? '' }
}

export function nextCursor(cursor: string): string | null {
  return cursor === '' ? null : cursor
}

export function iso(time: Timestamp): string
export function iso(time: Timestamp | undefined): string | undefined
export function iso(time: Timestamp | undefined): string | undefined {
  return time === undefined ? undefined : timestampDate(time).toISOString()
}

export const RowErrors = z
  .array(z.object({ row: z.int(), column: z.string().optional(), reason: z.string() }))
  .openapi({ description: 'The first ten reasons, by index in the batch' })

export function rowErrorShape({ row, column, reason }: RowError): z.input<typeof RowErrors>[number] {
  return { row, ...(column !== '' && { column }), reason }
}
