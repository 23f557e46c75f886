import { z } from 'zod'
import type { Violation } from '#mesh/errors.ts'
import type { SystemStream } from '../stream/index.ts'
import type { CatalogLimits } from './limits.ts'
import type { Fields } from './store.ts'

export type ResourceName = 'products' | 'items' | 'documents'

/** What sets one kind of entry apart from the others. */
export interface Resource {
  readonly name: ResourceName
  /** What its id is called in public. */
  readonly id: 'sku' | 'id'
  readonly hasCollections: boolean
  readonly schema: z.ZodType<Fields>
  readonly maxBytes: keyof CatalogLimits
  /** What of it is looked in. */
  searched(fields: Fields): unknown
  /** Where its changes are events. */
  readonly stream: SystemStream
  /** The columns there that its fields are. */
  columns(fields: Fields): Fields
}

const text = (max: number) => z.string().min(1).max(max)
const labels = z.array(text(100)).max(100).default([])
const attributes = z.record(text(100), z.json()).default({})

const product = z
  .strictObject({
    name: text(500),
    /** As text, so that it is what was said: at most 12 digits before the point and 6 after. */
    price: z
      .union([z.string(), z.number().transform(String)])
      .pipe(z.string().regex(/^(?:0|[1-9]\d{0,11})(?:\.\d{1,6})?$/, 'must be a price, as "19.90"'))
      .nullable()
      .default(null),
    /** ISO 4217. */
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'must be three capital letters, as EUR')
      .nullable()
      .default(null),
    category: z.string().max(200).default(''),
    attributes,
  })
  .refine(({ price, currency }) => price === null || currency !== null, {
    path: ['currency'],
    message: 'is needed beside a price',
  })

const item = z.strictObject({ title: text(500), tags: labels, categories: labels, attributes })

const document = z.strictObject({ document: z.record(z.string(), z.json()) })

export const resources: Readonly<Record<ResourceName, Resource>> = {
  /** What is sold. */
  products: {
    name: 'products',
    id: 'sku',
    hasCollections: false,
    schema: product,
    maxBytes: 'maxFieldsBytes',
    searched: ({ name, category }) => [name, category],
    stream: '_product_changes',
    columns: ({ currency, attributes: more, ...fields }) => ({
      ...fields,
      currency: currency ?? '',
      attributes: texts(more),
    }),
  },
  /** What is recommended. */
  items: {
    name: 'items',
    id: 'id',
    hasCollections: false,
    schema: item,
    maxBytes: 'maxFieldsBytes',
    searched: ({ title, tags, categories }) => [title, tags, categories],
    stream: '_item_changes',
    columns: ({ attributes: more, ...fields }) => ({ ...fields, attributes: texts(more) }),
  },
  /** Any JSON, in collections. */
  documents: {
    name: 'documents',
    id: 'id',
    hasCollections: true,
    schema: document,
    maxBytes: 'maxDocumentBytes',
    searched: (fields) => fields['document'],
    stream: '_document_changes',
    columns: (fields) => ({ document: JSON.stringify(fields['document']) }),
  },
}

/** A text as it is, all else as JSON has it. */
function texts(values: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(values ?? {})
  return Object.fromEntries(pairs.map(([name, one]) => [name, typeof one === 'string' ? one : JSON.stringify(one)]))
}

/** What a search looks in: the id and every text, in lower case, one per line. */
export function wordsOf({ searched }: Resource, id: string, fields: Fields, maxLength: number): string {
  const texts: string[] = [id]
  const gather = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(gather)
  }
  gather(searched(fields))
  // Cut between characters: half of one is none.
  return texts.join('\n').toLowerCase().slice(0, maxLength).toWellFormed()
}

/** What of a JSON value cannot be kept as it is, whatever the engine; undefined where all can. */
export function unsound(value: unknown, maxDepth: number, pointer = '', depth = 0): Violation | undefined {
  if (typeof value === 'string') return unsoundText(value, pointer)
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return { pointer, reason: 'is a whole number past 2^53, which would lose digits: send it as text' }
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth === maxDepth) return { pointer, reason: `nests deeper than ${maxDepth} levels` }
  for (const [name, member] of Object.entries(value)) {
    if (name === '__proto__') return { pointer: `${pointer}/__proto__`, reason: 'cannot be a name' }
    const place = `${pointer}/${name.toWellFormed().slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`
    const wrong = unsoundText(name, place) ?? unsound(member, maxDepth, place, depth + 1)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function unsoundText(text: string, pointer: string): Violation | undefined {
  if (text.includes('\0')) return { pointer, reason: 'holds a NUL character, which cannot be kept' }
  if (!text.isWellFormed()) return { pointer, reason: 'holds half of a surrogate pair, which is no character' }
  return undefined
}
