import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { CliError, startExits } from '../exit.ts'

/** What the bundle is made of. */
const sources = ['edge', 'mesh', 'proto/gen', 'wrangler.toml', 'package-lock.json']

export interface Bundle {
  readonly path: string
  /** False where an earlier one was still good. */
  readonly built: boolean
}

/** The edge as one module for workerd, built by wrangler when what it is made of has changed. */
export async function buildEdge(
  root: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Bundle> {
  const target = join(root, 'dist', 'edge')
  const path = join(target, 'worker.js')
  // A packed package has the bundle and not its sources.
  if (!existsSync(join(root, 'edge', 'worker.ts'))) {
    if (existsSync(path)) return { path, built: false }
    throw new CliError(`${path} is missing.`, { exitCode: startExits.crashed, hint: 'Install the package again.' })
  }
  const stamp = join(target, '.sources')
  const digest = digestOf(root)
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return { path, built: false }

  // Made beside and moved into place: another start may be running the one that is there.
  const draft = join(root, 'dist', `edge.${process.pid}`)
  try {
    await wrangler(root, ['deploy', '--dry-run', '--outdir', draft], environment)
    if (!existsSync(join(draft, 'worker.js'))) {
      throw new CliError('wrangler built no worker.js.', { exitCode: startExits.crashed })
    }
    writeFileSync(join(draft, '.sources'), digest)
    rmSync(target, { recursive: true, force: true })
    renameSync(draft, target)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return { path, built: true }
}

export function wranglerPath(root: string): string {
  const manifest = createRequire(join(root, 'package.json')).resolve('wrangler/package.json')
  return join(dirname(manifest), 'bin', 'wrangler.js')
}

/** Nothing of it may leave the machine, ask a question or colour a log. */
export const wranglerEnv = {
  WRANGLER_SEND_METRICS: 'false',
  CI: '1',
  NO_COLOR: '1',
  WRANGLER_LOG_SANITIZE: 'true',
} as const

async function wrangler(
  root: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const child = spawn(process.execPath, [wranglerPath(root), ...args], {
    cwd: root,
    env: { ...environment, ...wranglerEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const keep = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-8_000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) {
    throw new CliError(`The edge cannot be built (wrangler ended with ${String(code)}):\n${said.trim()}`, {
      exitCode: startExits.crashed,
    })
  }
}

function digestOf(root: string): string {
  const hash = createHash('sha256')
  for (const source of sources) {
    for (const file of filesOf(root, source))
      hash
        .update(`${file}\0`)
        .update(readFileSync(join(root, file)))
        .update('\0')
  }
  return hash.digest('hex')
}

function filesOf(root: string, source: string): readonly string[] {
  if (!existsSync(join(root, source))) return []
  if (/\.\w+$/.test(source)) return [source]
  const found = readdirSync(join(root, source), { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}
