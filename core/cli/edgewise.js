#!/usr/bin/env node
// The way in for whatever Node is installed: plain JavaScript that finds the Node of the package and the code to run on it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
// In a clone the sources run as they are. Packed, they are in dist/: Node strips no types under node_modules.
const source = join(here, 'main.ts')
const main = existsSync(source) ? source : join(here, '..', '..', 'dist', 'core', 'cli', 'main.js')
const neededMajor = 24

if (Number(process.versions.node.split('.')[0]) >= neededMajor) {
  await import(pathToFileURL(main).href)
} else {
  const node = findNode()
  if (node === undefined) {
    process.stderr.write(
      `edgewise: needs Node ${neededMajor}; this is ${process.version}.\n→ Install the package again with its dependencies: they include it.\n`,
    )
    process.exit(1)
  }
  // The channel tells the other side when this process is gone, however it went.
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  // From a terminal Ctrl-C reaches both by itself; from elsewhere only this one gets the signal.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.on('error', (error) => {
    process.stderr.write(`edgewise: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}

function findNode() {
  try {
    const found = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
    return existsSync(found) ? found : undefined
  } catch {
    return undefined
  }
}
