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
    return {
      errors: parsed.error.issues.map(({ path, message }) => ({
        pointer: path.map((part) => `/${String(part)}`).join(''),
        reason: message,
      })),
    }
  }
  const bytes = Buffer.byteLength(JSON.stringify(parsed.data))
  if (bytes <= limits[maxBytes]) return { fields: parsed.data }
  return { errors: [{ pointer: '', reason: `is ${bytes} bytes long, of at most ${limits[maxBytes]}` }] }
}

/** JSON that somebody sent; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
