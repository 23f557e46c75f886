import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * Stands before a server, and can fall silent: it takes connections and what comes over them, and answers nothing, as a
 * server that hangs or a network that drops packets.
 */
export async function silentProxy(port: number) {
  const sockets = new Set<Socket>()
  let silent = false
  let taken = 0
  const server = createServer((client) => {
    taken++
    const upstream = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes: Buffer) => {
        if (!silent) to.write(bytes)
      })
      from.on('error', () => to.destroy()).on('close', () => (to.destroy(), sockets.delete(from)))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    /** Connections so far. */
    taken: () => taken,
    fallSilent: () => (silent = true),
    /** Those of before are of no use any more. */
    answer() {
      silent = false
      for (const socket of sockets) socket.destroy()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
