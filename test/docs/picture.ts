/**
 * Makes the README's picture: the five minutes of the README, run for real on a gateway of its own, as a terminal.
 * Needs Chromium and a file of requests as NDJSON.
 *
 *   node test/docs/picture.ts access-log.ndjson docs/five-minutes.png
 */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../support/directory.ts'
import { program } from '../support/optional.ts'
import { startProduct } from '../support/product.ts'

const [file = 'access-log.ndjson', picture = 'docs/five-minutes.png'] = process.argv.slice(2)
const run = promisify(execFile)
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const [, traffic = ''] = /```sql\n([\s\S]*?)```/.exec(readme) ?? []

const work = temporaryDirectory()
mkdirSync(join(work.path, 'queries'))
writeFileSync(join(work.path, 'queries', 'traffic.sql'), traffic)
const product = await startProduct()
const lines: string[] = []

async function type(shown: string, command: string, parameters: readonly string[], most = 12): Promise<void> {
  const env = { ...process.env, EDGEWISE_URL: product.url, EDGEWISE_KEY: product.key }
  const { stdout } = await run(command, parameters, { env, cwd: work.path })
  const output = stdout.replaceAll(product.url, 'http://127.0.0.1:8787').replaceAll('\r', '').trimEnd().split('\n')
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  lines.push(
    `<b>$ ${escape(shown)}</b>`,
    ...output.slice(0, most).map(escape),
    ...(output.length > most ? ['…'] : []),
    '',
  )
}
const cli = resolve('core/cli/main.ts')
const edgewise = (parameters: readonly string[]) => {
  const shown = parameters.map((one) => (/[^\w./:-]/.test(one) ? `'${one}'` : one)).join(' ')
  return type(`npx edgewise ${shown}`, process.execPath, [cli, ...parameters])
}

copyFileSync(file, join(work.path, 'access-log.ndjson'))
await edgewise(['load', 'requests', 'access-log.ndjson'])
await edgewise(['load', 'requests', 'access-log.ndjson'])
await edgewise([
  'sql',
  'SELECT status, count() AS requests FROM requests GROUP BY status ORDER BY requests DESC LIMIT 3',
])
await edgewise(['publish', 'queries/'])
const url = `${product.url}/v1/endpoints/traffic.csv?prefix=/blog`
const auth = ['-H', `Authorization: Bearer ${product.key}`]
const curl = () =>
  type(
    'curl -si "$URL/v1/endpoints/traffic.csv?prefix=/blog" -H "Authorization: Bearer $KEY" | grep -ie http -e cache',
    '/bin/sh',
    ['-c', `curl -si '${url}' -H '${auth[1]}' | grep -ie http -e cache`],
  )
await curl()
await curl()
await edgewise([
  'sql',
  'SELECT route, count() AS calls, round(avg(duration_ms), 1) AS ms FROM _requests GROUP BY route',
])
await product.stop()

const page = join(work.path, 'page.html')
writeFileSync(
  page,
  `<meta charset="utf-8"><style>body{margin:0;background:#14161b;color:#c9d1d9;font:15px/1.45 ui-monospace,'DejaVu Sans Mono',monospace;padding:22px 28px;white-space:pre}b{color:#7ee787;font-weight:600}</style>${lines.join('\n')}`,
)
const chromium = program('chromium')
if (chromium === undefined) throw new Error('Chromium is not on the PATH.')
mkdirSync(dirname(resolve(picture)), { recursive: true })
const flags =
  '--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync --disable-component-update --hide-scrollbars'
await run(chromium, [
  ...flags.split(' '),
  `--user-data-dir=${work.path}/chromium`,
  `--window-size=1080,${44 + lines.length * 22}`,
  `--screenshot=${resolve(picture)}`,
  `file://${page}`,
])
work.remove()
