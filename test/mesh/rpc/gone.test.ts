import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { create, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { encodeFrame, encodeTrailers } from '#mesh/rpc/frames.ts'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { connectWeb } from '#mesh/rpc/web.ts'
import { QuerySchema, QueryService, ResultChunkSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import { listen } from './every-transport.ts'

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => undefined,
    (error: unknown) => error,
  )
}

test.each(['grpc', 'web'] as const)(
  'a server killed in mid-stream is a failure, never a clean end (%s)',
  async (kind) => {
    const server = fork(fileURLToPath(new URL('./endless-server.ts', import.meta.url)))
    const [addresses] = (await once(server, 'message')) as [{ grpc: string; web: string }]
    using grpc = connectGrpc(QueryService, { address: addresses.grpc })
    const client = kind === 'grpc' ? grpc : connectWeb(QueryService, { url: addresses.web })
    let read = 0
    const failure = await thrownBy(async () => {
      for await (const _ of client.runSql({})) if (++read === 5) server.kill('SIGKILL')
    })
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({ problem: 'core.unavailable', retryable: true })
    expect(read).toBeGreaterThanOrEqual(5)

    // And now there is no server at all.
    const began = performance.now()
    expect(await thrownBy(() => client.describeQuery({ name: 'a' }))).toMatchObject({ problem: 'core.unavailable' })
    expect(performance.now() - began).toBeLessThan(3_000)
  },
)

/** A server that answers each request with what it is given. */
async function answering(
  status: number,
  ...chunks: Uint8Array[]
): Promise<{ url: string; hits(): number; close(): void }> {
  let hits = 0
  const server = createServer((req, res) => {
    hits++
    req.resume()
    res.writeHead(status, { 'content-type': 'application/grpc-web+proto' })
    for (const chunk of chunks) res.write(chunk)
    res.end()
  })
  return { url: await listen(server), hits: () => hits, close: () => server.close() }
}

const message = encodeFrame(0, toBinary(QuerySchema, create(QuerySchema, { name: 'a' })))
const good = encodeTrailers([['grpc-status', '0']])

test.each<[string, number, Uint8Array[], string]>([
  ['ends cleanly without trailers', 200, [message], 'core.unavailable'],
  ['ends inside a frame', 200, [message.slice(0, -1)], 'core.unavailable'],
  ['says nothing at all', 200, [], 'core.unavailable'],
  ['is a proxy’s 502', 502, [], 'core.unavailable'],
  ['is a 404 of something else', 404, [new TextEncoder().encode('<html>')], 'internal.unimplemented'],
  ['has status 0 but no message', 200, [good], 'internal.error'],
  ['has two messages', 200, [message, message, good], 'internal.error'],
  ['goes on after its trailers', 200, [message, good, message], 'internal.error'],
  ['is compressed, unasked', 200, [Uint8Array.of(1, 0, 0, 0, 1, 0), good], 'internal.error'],
  ['is not the message', 200, [encodeFrame(0, Uint8Array.of(255, 255)), good], 'internal.error'],
  ['announces four gigabytes', 200, [Uint8Array.of(0, 255, 255, 255, 255)], 'limit.response'],
  ['has no status', 200, [message, encodeTrailers([['x', 'y']])], 'internal.error'],
])('an answer over gRPC-Web that %s is a failure', async (_, status, chunks, problem) => {
  const server = await answering(status, ...chunks)
  const client = connectWeb(QueryService, { url: server.url })
  expect(await thrownBy(() => client.describeQuery({ name: 'a' }))).toMatchObject({ name: 'Failure', problem })
  server.close()
})

test('a stream that ends cleanly without trailers is a failure after its messages', async () => {
  const chunk = toBinary(
    ResultChunkSchema,
    create(ResultChunkSchema, { piece: { case: 'body', value: Uint8Array.of(1) } }),
  )
  const server = await answering(200, encodeFrame(0, chunk))
  let read = 0
  const failure = await thrownBy(async () => {
    for await (const _ of connectWeb(QueryService, { url: server.url }).runSql({})) read++
  })
  expect(failure).toMatchObject({ problem: 'core.unavailable' })
  expect(read).toBe(1)
  expect(server.hits()).toBe(1)
  server.close()
})

test('an idempotent call that nothing came back of is sent again, another is not, and a dead core is not hammered', async () => {
  const server = await answering(503)
  const client = connectWeb(QueryService, { url: server.url })
  await thrownBy(() => client.putQuery({ name: 'a' }))
  expect(server.hits()).toBe(1)
  await thrownBy(() => client.describeQuery({ name: 'a' }))
  expect(server.hits()).toBe(4)
  for (let i = 0; i < 20; i++) await thrownBy(() => client.describeQuery({ name: 'a' }))
  expect(server.hits()).toBeLessThan(4 + 20 + 4)
  server.close()
})
