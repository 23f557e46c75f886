import { z } from '@hono/zod-openapi'
import { type Entry, Resource } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import { iso, Name } from '../schemas.ts'

/** What the public API calls a kind of entry. The core holds what is sent to it. */
export interface Kind {
  readonly resource: Resource
  /** One of them. */
  readonly one: string
  readonly many: 'products' | 'items' | 'documents'
  readonly path: string
  readonly id: 'sku' | 'id'
  /** What its id is called in a path. */
  readonly param: 'sku' | 'item' | 'document'
  readonly fields: z.ZodObject
}

const labels = z.array(z.string().max(100)).max(100).optional()
const attributes = z
  .record(z.string(), z.unknown())
  .optional()
  .openapi({ description: 'Whatever else there is to say of it', example: { colour: 'green' } })

export const kinds: readonly Kind[] = [
  {
    resource: Resource.PRODUCTS,
    one: 'product',
    many: 'products',
    path: '/v1/products',
    id: 'sku',
    param: 'sku',
    fields: z.strictObject({
      name: z.string().min(1).max(500).openapi({ example: 'Green tea' }),
      price: z.union([z.string(), z.number()]).nullable().optional().openapi({
        description: 'A text, so that it stays what it was; at most 6 digits after the point',
        example: '19.90',
      }),
      currency: z.string().nullable().optional().openapi({ description: 'ISO 4217, beside a price', example: 'EUR' }),
      category: z.string().max(200).optional().openapi({ example: 'drinks' }),
      attributes,
    }),
  },
  {
    resource: Resource.ITEMS,
    one: 'item',
    many: 'items',
    path: '/v1/items',
    id: 'id',
    param: 'item',
    fields: z.strictObject({
      title: z.string().min(1).max(500).openapi({ example: 'How to brew' }),
      tags: labels,
      categories: labels,
      attributes,
    }),
  },
  {
    resource: Resource.DOCUMENTS,
    one: 'document',
    many: 'documents',
    path: '/v1/documents/{collection}',
    id: 'id',
    param: 'document',
    fields: z.strictObject({
      document: z
        .record(z.string(), z.unknown())
        .openapi({ description: 'Any JSON object', example: { stars: 5, text: 'Good tea' } }),
    }),
  },
]

export const Id = z
  .string()
  .min(1)
  .max(128)
  .openapi({ description: 'Letters, digits and `_ . : ~ @ + -`', example: 'tea-1' })

export const Collection = Name.openapi({ example: 'reviews' })

/** An entry as it is shown. */
export function entrySchema({ id, one, fields }: Kind) {
  const shown = {
    [id]: Id,
    version: z.int().openapi({ description: 'One more with each change; the ETag' }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  }
  return z.object({ ...shown, ...fields.shape }).openapi(nameOf(one))
}

/** A schema of this name in the description of the API. */
export function nameOf(one: string): string {
  return one.charAt(0).toUpperCase() + one.slice(1)
}

export function entryShape({ id: idName }: Kind, { id, version, createdAt, updatedAt, fields }: Entry) {
  return {
    [idName]: id,
    version,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
    ...(JSON.parse(fields) as Readonly<Record<string, unknown>>),
  }
}
