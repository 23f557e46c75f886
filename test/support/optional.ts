import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from './directory.ts'

/**
 * Things that a test may need and a fresh machine lacks. A test that needs one is skipped, by name, where it is absent.
 * Servers are started where TEST_SERVERS says so: `found` those that the machine has; with `required` whatever is absent,
 * a server or another thing, is a failure.
 */
const servers = process.env['TEST_SERVERS']
export const required = servers === 'required'

/** What a server is run from; undefined where it is absent or none are to be started. */
export function server(name: string, find: () => string | undefined): string | undefined {
  return required || servers === 'found' ? present(find(), name) : undefined
}

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

/** A folder that `.ci/run` puts there, of what no package manager installs as a program; undefined where it is absent. */
export function tool(name: string): string | undefined {
  return present(join(tmpdir(), 'edgewise-ci-tools', name), `the tool ${name}`)
}

/** Mounts a disk of so many MiB in memory, which only root may; undefined where it is not allowed. */
export function smallDisk(): ((path: string, size: number) => { unmount(): void }) | undefined {
  const mount = (path: string, size: number) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', path], { stdio: 'pipe' })
    // Lazily: what still has a file open must not keep it.
    return { unmount: () => execFileSync('umount', ['-l', path], { stdio: 'pipe' }) }
  }
  const directory = temporaryDirectory()
  try {
    mount(directory.path, 1).unmount()
    return mount
  } catch (cause) {
    if (required) throw new Error('mounting a disk is required here and not allowed', { cause })
    return undefined
  } finally {
    directory.remove()
  }
}

function present(path: string | undefined, what: string): string | undefined {
  if (path !== undefined && existsSync(path)) return path
  if (required) throw new Error(`${what} is required here and absent`)
  return undefined
}
