import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const pieces = 8
/** Before each piece of an upload, then when the server has said that it has all of it and nobody has heard so. */
export const uploadSteps = pieces + 1

/**
 * Stands before an S3 server and stops at the steps of an upload, so that either side can be ended there: what was sent
 * before has gone through, and nothing of what comes after.
 */
export async function uploadProxy(port: () => number, onStep: (step: number, path: string) => void | Promise<void>) {
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request
    const step = method === 'PUT' ? (number: number) => onStep(number, url) : () => undefined
    const forwarded = httpRequest({ host: '127.0.0.1', port: port(), method, path: url, headers, agent: false })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      forwarded.once('response', resolve).once('error', reject)
    })
    // It may be refused before anybody waits for it.
    answered.catch(() => undefined)
    request.once('error', () => forwarded.destroy())
    const length = Number(headers['content-length'] ?? 0)
    let sent = 0
    let next = 0
    for await (const chunk of request as AsyncIterable<Buffer>) {
      for (let from = 0; from < chunk.length;) {
        if (sent >= Math.floor((length * next) / pieces)) await step(next++)
        const to = Math.min(chunk.length, from + Math.max(1, Math.ceil((length * next) / pieces) - sent))
        forwarded.write(chunk.subarray(from, to))
        sent += to - from
        from = to
      }
    }
    forwarded.end()
    const answer = await answered
    await step(pieces)
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    for await (const chunk of answer as AsyncIterable<Buffer>) response.write(chunk)
    response.end()
  }

  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close(): Promise<void> {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
