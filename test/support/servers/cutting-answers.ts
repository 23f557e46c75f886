import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands before a server and breaks connections off after so many bytes of what it says. */
export async function cutAnswers(port: number) {
  const sockets = new Set<Socket>()
  let bound = Infinity
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    }
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
    client.pipe(upstream)
    let said = 0
    upstream.on('data', (chunk: Buffer) => {
      said += chunk.length
      client.write(chunk)
      // In an orderly way: nothing but the length tells that something is missing.
      if (said > bound) upstream.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    cutAfter: (bytes: number) => (bound = bytes),
    close(): Promise<void> {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
