import { connect, type AddressInfo } from 'node:net'
import { createWebSocketStream, WebSocketServer } from 'ws'

/** What Neon's WebSocket proxy does: the bytes of PostgreSQL's protocol, in binary messages, to `?address=host:port`. */
export async function startNeonProxy() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  let served = 0
  server.on('connection', (socket, request) => {
    served++
    const address = new URL(request.url ?? '/', 'ws://proxy').searchParams.get('address') ?? ''
    const upstream = connect(Number(address.split(':').at(-1)), '127.0.0.1')
    const stream = createWebSocketStream(socket)
    upstream.on('error', () => socket.terminate())
    upstream.on('close', () => socket.close())
    stream.on('error', () => upstream.destroy())
    stream.on('close', () => upstream.destroy())
    stream.pipe(upstream).pipe(stream)
  })
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    /** Connections so far. */
    served: () => served,
    async stop() {
      for (const client of server.clients) client.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
