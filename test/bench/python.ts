import { execFile } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Python with these packages of PyPI (`name==version`), to measure against: an environment that is made once. */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const environment = join(tmpdir(), `edgewise-python-${packages.join('-').replaceAll(/[^\w.-]/g, '_')}`)
  const python = join(environment, 'bin', 'python')
  if (existsSync(join(environment, 'complete'))) return python
  rmSync(environment, { recursive: true, force: true })
  process.stderr.write(`installing ${packages.join(', ')} …\n`)
  await run('python3', ['-m', 'venv', environment])
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages])
  await run('touch', [join(environment, 'complete')])
  return python
}
