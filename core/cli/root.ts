import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Manifest {
  readonly name?: string
  readonly version?: string
}

/** The folder of the package: this code runs from its sources or, once packed, from dist/. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && manifestOf(folder).name === 'edgewise') return folder
    if (dirname(folder) === folder) throw new Error('The package.json of edgewise is missing: install it again.')
  }
}

export function version(): string {
  return manifestOf(packageRoot()).version ?? '0.0.0'
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** The program itself: the package's JavaScript only knows where its install script has put it. */
export function workerdPath(): string {
  const require = createRequire(join(packageRoot(), 'package.json'))
  return (require('workerd') as { readonly default: string }).default
}
