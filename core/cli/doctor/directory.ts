import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { embeddedLog, formatVersion, logOf } from '../../storage/directory.ts'
import { credentialsPath } from '../credentials.ts'
import type { Finding } from '../doctor.ts'
import type { Running } from '../start/running.ts'

const leastFreeBytes = 256 << 20
const comfortableFreeBytes = 2 ** 31

/** The data directory: who may read it, whether it fits, whether there is room. */
export function checkDirectory(data: string, running: Running | undefined): readonly Finding[] {
  const path = resolve(data)
  if (!existsSync(path))
    return [{ level: 'note', what: `There is no data directory ${path} yet`, mend: '`edgewise start` makes it.' }]
  const findings: Finding[] = [
    {
      level: 'ok',
      what: `Data in ${path}; ${running === undefined ? 'nothing runs on it' : `process ${running.pid} runs on it`}`,
    },
  ]
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    findings.push({
      level: 'broken',
      what: `${path} cannot be written to`,
      mend: `Give it to this user: chown -R "$(id -un)" ${path}`,
    })
  }
  findings.push(...format(path), room(path), ...modes(path))
  findings.push(...eventLog(path))
  return findings
}

/** Which log it goes with, which is settled with the first start. */
function eventLog(path: string): readonly Finding[] {
  const identity = logOf(path)
  return identity === undefined || identity === embeddedLog
    ? []
    : [{ level: 'ok', what: `It goes with the event log ${identity}` }]
}

function format(path: string): readonly Finding[] {
  const file = join(path, 'format')
  if (!existsSync(file)) return []
  const found = readFileSync(file, 'utf8').trim()
  if (found === String(formatVersion)) return [{ level: 'ok', what: `Format ${found}` }]
  return [
    {
      level: 'broken',
      what: `The data has format ${found}; this version reads ${formatVersion}`,
      mend: 'Use the version that wrote it.',
    },
  ]
}

function room(path: string): Finding {
  const { bavail, bsize } = statfsSync(path)
  const free = bavail * bsize
  const what = `${(free / 2 ** 30).toFixed(1)} GB free on its disk`
  if (free < leastFreeBytes) return { level: 'broken', what, mend: 'Make room: below 256 MB nothing is accepted.' }
  return free < comfortableFreeBytes ? { level: 'warning', what, mend: 'Make room soon.' } : { level: 'ok', what }
}

/** Secrets that others of this machine could read. */
function modes(path: string): readonly Finding[] {
  const secrets = [credentialsPath(path), join(path, 'operator.token'), join(path, 'edge.token')].filter(existsSync)
  return secrets.map((file) => {
    const mode = statSync(file).mode & 0o777
    return (mode & 0o077) === 0
      ? { level: 'ok', what: `${file} is readable for its owner alone` }
      : {
          level: 'broken',
          what: `${file} has mode ${mode.toString(8)}: others can read it`,
          mend: `chmod 600 ${file}, then \`edgewise keys recover\` and revoke the old key.`,
        }
  })
}
