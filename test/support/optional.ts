import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Things that a test may need and a fresh machine lacks. A test that needs one is skipped, by name, where it is absent,
 * unless EDGEWISE_REQUIRE_ALL is set: then its absence is a failure.
 */
const required = process.env['EDGEWISE_REQUIRE_ALL'] === '1'

/** Real data beside the repository; undefined where it is absent. */
export function sampleData(name: string): string | undefined {
  const path = fileURLToPath(new URL(`../../../shared/data/${name}`, import.meta.url))
  return present(path, `the sample data ${name}`)
}

/** A program on the PATH; undefined where it is absent. */
export function program(name: string): string | undefined {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
  return present(found, `the program ${name}`)
}

function present(path: string | undefined, what: string): string | undefined {
  if (path !== undefined && existsSync(path)) return path
  if (required) throw new Error(`${what} is required here and absent`)
  return undefined
}
