import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build, transform } from 'esbuild'
import { parseCliEnv } from './env.ts'
import { packageRoot } from './root.ts'
import { buildEdge } from './start/bundle.ts'

/**
 * Run by `npm pack`: Node strips no types under node_modules, so a package carries JavaScript. Core, mesh and proto keep
 * their layout file by file, because workers, child processes and migrations are found next to the code that uses them.
 */
const root = packageRoot()
const dist = join(root, 'dist')
const trees = ['core', 'mesh', join('proto', 'gen')]
const left = join('core', 'cli', 'build.ts')

/** A path to a source of ours, in an import or in `new URL('./worker.ts', import.meta.url)`. */
const ours = /(['"])((?:\.{1,2}\/|#(?:mesh|proto)\/)[^'"\n]*)\.ts\1/g

for (const tree of trees) {
  const from = join(root, tree)
  const to = join(dist, tree)
  rmSync(to, { recursive: true, force: true })
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const target = join(to, path.slice(from.length))
    if (entry.isDirectory() && entry.name === 'migrations') cpSync(path, target, { recursive: true })
    if (!entry.isFile() || !entry.name.endsWith('.ts') || path.slice(root.length + 1) === left) continue
    const { code } = await transform(readFileSync(path, 'utf8').replace(ours, '$1$2.js$1'), {
      loader: 'ts',
      target: 'node24',
      sourcefile: path.slice(root.length + 1),
    })
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target.replace(/\.ts$/, '.js'), code)
  }
}
// Makes dist/ a package scope of its own, in which `#mesh/…` means the JavaScript.
const imports = { '#proto/*': './proto/gen/*', '#mesh/*': './mesh/*' }
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'module', imports }, null, 2)}\n`)

const client = join(dist, 'client')
rmSync(client, { recursive: true, force: true })
await build({
  entryPoints: [join(root, 'mesh', 'client', 'index.ts')],
  outfile: join(client, 'index.js'),
  bundle: true,
  format: 'esm',
  // Fails where something that a browser lacks is imported.
  platform: 'browser',
  target: 'es2022',
  logLevel: 'warning',
})
const types = [
  '-p',
  join(root, 'mesh', 'client'),
  '--noEmit',
  'false',
  '--emitDeclarationOnly',
  '--declaration',
  '--outDir',
  client,
]
const { status, stdout } = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), types, { encoding: 'utf8' })
if (status !== 0) throw new Error(`The client's types cannot be made:\n${stdout}`)

await buildEdge(root, parseCliEnv().all)
