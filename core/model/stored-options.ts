import type { StoredOptions } from './schema.ts'
import type { ModelOptions } from './statements/options.ts'

/** What USING said, to be kept. A feature that may go either way is one of which nothing was said. */
export function storedOptions({ monotone, ...options }: ModelOptions): StoredOptions {
  if (monotone === undefined) return options
  const directed = [...monotone].filter((one): one is [string, 1 | -1] => one[1] !== 0)
  return { ...options, monotone: Object.fromEntries(directed) }
}
