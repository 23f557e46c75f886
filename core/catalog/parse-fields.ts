import type { z } from 'zod'
import type { Violation } from '#mesh/errors.ts'
import type { CatalogLimits } from './limits.ts'
import { type Resource, unsound } from './resources.ts'
import type { Fields } from './store.ts'

/** Fields as they are kept, or what is wrong with them. */
export type Parsed = { readonly fields: Fields } | { readonly errors: readonly Violation[] }

/** What an entry is to say, from what somebody sent. */
export function parseFields({ schema, maxBytes }: Resource, value: unknown, limits: CatalogLimits): Parsed {
  if (value === undefined) return { errors: [{ pointer: '', reason: 'is not JSON' }] }
  const wrong = unsound(value, limits.maxDepth)
  if (wrong !== undefined) return { errors: [wrong] }
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    return { errors: parsed.error.issues.flatMap(violationsOf) }
  }
  const bytes = Buffer.byteLength(JSON.stringify(parsed.data))
  if (bytes <= limits[maxBytes]) return { fields: parsed.data }
  return { errors: [{ pointer: '', reason: `is ${bytes} bytes long, of at most ${limits[maxBytes]}` }] }
}

function violationsOf(issue: z.core.$ZodIssue): readonly Violation[] {
  const place = issue.path.map((part) => `/${String(part)}`).join('')
  if (issue.code !== 'unrecognized_keys') return [{ pointer: place, reason: issue.message }]
  return issue.keys.map((key) => ({ pointer: `${place}/${key.slice(0, 100)}`, reason: 'is not a field' }))
}

/** JSON that somebody sent; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
