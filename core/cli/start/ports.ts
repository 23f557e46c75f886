import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'

/** Whether somebody listens there. */
export async function isPortTaken(host: string, port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(true) : reject(error),
    )
    server.listen(port, host, () => server.close(() => resolve(false)))
  })
}

/** The process that listens on a TCP port, where the system tells (Linux, and a process of one's own): `1234 (node)`. */
export function listenerOf(port: number): string | undefined {
  try {
    const inode = ['/proc/net/tcp', '/proc/net/tcp6']
      .map((file) => inodeIn(file, port))
      .find((found) => found !== undefined)
    return inode === undefined ? undefined : ownerOf(`socket:[${inode}]`)
  } catch {
    return undefined
  }
}

const listening = '0A'

function inodeIn(file: string, port: number): string | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (fields[1]?.endsWith(suffix) === true && fields[3] === listening) return fields[9]
  }
  return undefined
}

function ownerOf(socket: string): string | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some((fd) => {
        try {
          return readlinkSync(`/proc/${pid}/fd/${fd}`) === socket
        } catch {
          return false
        }
      })
      if (holds) return `${pid} (${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`
    } catch {
      // Somebody else's process, or one that has just ended.
    }
  }
  return undefined
}
