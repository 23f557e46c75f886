import { isIPv4, isIPv6 } from 'node:net'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import type { Violation } from '#mesh/errors.ts'
import type { Column } from './definition.ts'
import { clip } from './verdict.ts'

/** A stream declared by JSON Schema 2020-12: https://json-schema.org/draft/2020-12 */
export interface JsonSchema {
  /** What its properties are as columns. */
  readonly columns: readonly Column[]
  /** It says `additionalProperties: false`. */
  readonly closed: boolean
  /** What is wrong with a row, or undefined. */
  check(row: unknown): { readonly column: string; readonly reason: string } | undefined
}

type Node = Readonly<Record<string, unknown>>

/**
 * Keywords whose cost is bounded by the size of schema and row. References can make a small schema cost exponentially
 * much, patterns and uniqueItems a small row, so they are not among them.
 */
const keywords = new Set(
  `$schema $id $comment title description default examples deprecated readOnly writeOnly
   type enum const format properties required additionalProperties items prefixItems dependentRequired
   minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems
   minProperties maxProperties allOf anyOf oneOf not if then else`.split(/\s+/),
)

const formats: Readonly<Record<string, { readonly type: string; readonly test: (text: string) => boolean }>> = {
  'date-time': {
    type: 'DateTime64(3)',
    test: (text) => /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
  },
  date: { type: 'Date', test: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) },
  uuid: { type: 'UUID', test: (text) => /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i.test(text) },
  ipv4: { type: 'IPv4', test: isIPv4 },
  ipv6: { type: 'IPv6', test: isIPv6 },
  email: { type: 'String', test: (text) => /^[^\s@]{1,64}@[^\s@.]{1,63}(?:\.[^\s@.]{1,63}){0,10}$/.test(text) },
  uri: { type: 'String', test: (text) => URL.canParse(text) },
}

/** Reads a schema; what does not hold is added to `errors`, and undefined is the answer. */
export function readJsonSchema(text: string, flattenDepth: number, errors: Violation[]): JsonSchema | undefined {
  const before = errors.length
  const say = (at: string, reason: string) => errors.push({ pointer: `/json_schema${at}`, reason })
  let schema: unknown
  try {
    schema = JSON.parse(text)
  } catch {
    schema = undefined
  }
  if (!isNode(schema) || schema['type'] !== 'object' || !isNode(schema['properties'])) {
    say('', 'must be a JSON Schema of type object with properties')
    return undefined
  }
  checkKeywords(schema, '', say)
  if (errors.length > before) return undefined
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
    validateFormats: true,
  })
  for (const [name, { test }] of Object.entries(formats)) ajv.addFormat(name, test)
  try {
    const validate = ajv.compile(schema)
    return {
      columns: columnsOf(schema, '', 1, flattenDepth, say),
      closed: schema['additionalProperties'] === false,
      check: (row) => (validate(row) ? undefined : describe(validate.errors?.[0])),
    }
  } catch (error) {
    say('', clip((error as Error).message))
    return undefined
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Where a keyword holds schemas by name, a list of them, or one. */
const byName = new Set(['properties'])
const listed = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const single = new Set(['items', 'additionalProperties', 'not', 'if', 'then', 'else'])

function checkKeywords(node: unknown, at: string, say: (at: string, reason: string) => void): void {
  if (!isNode(node)) return
  for (const [keyword, value] of Object.entries(node)) {
    const place = `${at}/${keyword}`
    if (!keywords.has(keyword)) say(place, 'is a keyword that streams do not take')
    else if (keyword === 'format' && !Object.hasOwn(formats, String(value))) {
      say(place, `must be one of ${Object.keys(formats).join(', ')}`)
    } else if (byName.has(keyword) && isNode(value)) {
      for (const [name, inner] of Object.entries(value)) checkKeywords(inner, `${place}/${name}`, say)
    } else if (listed.has(keyword) && Array.isArray(value)) {
      for (const [i, inner] of value.entries()) checkKeywords(inner, `${place}/${i}`, say)
    } else if (single.has(keyword)) checkKeywords(value, place, say)
  }
}

function columnsOf(
  schema: Node,
  prefix: string,
  level: number,
  depth: number,
  say: (at: string, reason: string) => void,
): Column[] {
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : []
  return Object.entries(schema['properties'] as Node).flatMap(([key, property]) => {
    const name = prefix + key
    const node = isNode(property) ? property : {}
    if (isNode(node['properties'])) {
      if (level < depth) {
        // A part of what may be missing may be missing.
        const inner = required.includes(key) ? node : { ...node, required: [] }
        return columnsOf(inner, `${name}.`, level + 1, depth, say)
      }
      say(`/properties/${name}`, `objects nest ${depth} levels deep at most; declare a column of type JSON`)
      return []
    }
    const type = typeOf(node)
    if (type === undefined) {
      say(`/properties/${name}`, 'has no type that a column can have; declare the column beside the schema')
      return []
    }
    const nullable = !type.startsWith('Array') && (!required.includes(key) || typesOf(node).includes('null'))
    return [{ name, type: nullable ? nullableOf(type) : type, pii: false }]
  })
}

/** LowCardinality goes around, not inside. */
function nullableOf(type: string): string {
  const inner = /^LowCardinality\((.*)\)$/.exec(type)?.[1]
  return inner === undefined ? `Nullable(${type})` : `LowCardinality(Nullable(${inner}))`
}

function typesOf(node: Node): readonly unknown[] {
  return Array.isArray(node['type']) ? (node['type'] as unknown[]) : [node['type']]
}

/** The column's type, leaving aside that it may be null. */
function typeOf(node: Node): string | undefined {
  const values = Array.isArray(node['enum']) ? (node['enum'] as unknown[]) : []
  if (values.length > 0 && values.every((value) => typeof value === 'string')) return 'LowCardinality(String)'
  const [type, ...others] = typesOf(node).filter((one) => one !== 'null')
  if (others.length > 0) return undefined
  switch (type) {
    case 'integer':
      return 'Int64'
    case 'number':
      return 'Float64'
    case 'boolean':
      return 'Bool'
    case 'string':
      return Object.hasOwn(formats, String(node['format'])) ? formats[String(node['format'])]?.type : 'String'
    case 'array': {
      const inner = isNode(node['items']) ? typeOf(node['items']) : undefined
      return inner === undefined || inner.startsWith('Array') ? undefined : `Array(${inner})`
    }
    default:
      return undefined
  }
}

/** The column is the place as a dotted name; the reason is ajv's, which names what was expected. */
function describe(error: ErrorObject | undefined): { readonly column: string; readonly reason: string } {
  const path = (error?.instancePath ?? '').split('/').slice(1)
  const missing: unknown = error?.params['missingProperty'] ?? error?.params['additionalProperty']
  if (typeof missing === 'string') path.push(missing)
  const names = path
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .filter((part) => !/^\d+$/.test(part))
  return {
    column: clip(names.join('.')),
    reason: `does not fit the JSON Schema: ${(error?.message ?? 'invalid').slice(0, 200)}`,
  }
}
