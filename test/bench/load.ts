import { connect, type Socket } from 'node:net'

/**
 * A load generator in a process of its own: `node load.ts URL SECONDS CONNECTIONS BODY [header…]` prints requests per second.
 * Keep-alive, one request in flight on each connection; an answer that is not 200 ends it.
 */
const [url = '', seconds = '2', connections = '16', body = '', ...headers] = process.argv.slice(2)
const { hostname, port, pathname, search } = new URL(url)
const lines = [`Host: ${hostname}`, ...(body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]), ...headers]
const request = Buffer.from(
  `${body === '' ? 'GET' : 'POST'} ${pathname}${search} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`,
)
let count = 0

function open(): Socket {
  const socket = connect(Number(port), hostname, () => socket.write(request))
  let left = 0
  socket.setNoDelay(true)
  socket.on('data', (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (left > 0) {
        const taken = Math.min(left, chunk.length - at)
        left -= taken
        at += taken
      } else {
        const end = chunk.indexOf('\r\n\r\n', at)
        if (end < 0) throw new Error('The headers came in two parts.')
        const head = chunk.toString('latin1', at, end)
        const length = /\r\ncontent-length: (\d+)/i.exec(head)
        if (!head.startsWith('HTTP/1.1 200') || length === null) throw new Error(head)
        left = Number(length[1])
        at = end + 4
      }
      if (left === 0) {
        count++
        socket.write(request)
      }
    }
  })
  return socket
}

const sockets = Array.from({ length: Number(connections) }, open)
const startedAt = performance.now()
setTimeout(
  () => {
    console.log(String(count / ((performance.now() - startedAt) / 1000)))
    for (const socket of sockets) socket.destroy()
  },
  Number(seconds) * 1000,
)
