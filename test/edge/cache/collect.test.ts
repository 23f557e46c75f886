import { createServer } from 'node:http'
import { create } from '@bufbuild/protobuf'
import { expect, onTestFinished, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { mount } from '#mesh/rpc/mount.ts'
import { grpcWebHandler } from '#mesh/rpc/node/web.ts'
import { connectWeb } from '#mesh/rpc/web.ts'
import {
  QueryService,
  type ResultChunk,
  ResultChunkSchema,
  ResultHeadSchema,
  ResultTailSchema,
} from '#proto/edgewise/query/v1/query_pb.ts'
import { collect, heldBytes } from '../../../edge/cache/collect.ts'
import { listen } from '../../mesh/rpc/every-transport.ts'
import { services } from '../../mesh/rpc/services.ts'

const piece = (value: ResultChunk['piece']): ResultChunk => create(ResultChunkSchema, { piece: value })

test('an answer is read to its end, whole, streamed or failed, so that its connection can serve the next one', async () => {
  const { query } = services({
    query: {
      async *runSql({ sql }) {
        if (sql === 'fails') throw new Failure('query.syntax', 'It is no query.')
        yield piece({ case: 'head', value: create(ResultHeadSchema) })
        yield piece({ case: 'body', value: new Uint8Array(sql === 'large' ? heldBytes + 1 : 10) })
        yield piece({ case: 'tail', value: create(ResultTailSchema) })
      },
    },
  })
  const server = createServer(grpcWebHandler({ services: [mount(QueryService, query)], interceptors: [] }))
  let cutOff = 0
  const client = connectWeb(QueryService, {
    url: await listen(server),
    async fetch(url, init) {
      const response = await fetch(url, init)
      const reader = response.body!.getReader()
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await reader.read()
            if (done) controller.close()
            else controller.enqueue(value)
          },
          cancel(reason) {
            cutOff++
            return reader.cancel(reason)
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(body, response)
    },
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })

  const small = await collect(client.runSql({ sql: 'small' }))
  expect(small).toMatchObject({ whole: true })
  const large = await collect(client.runSql({ sql: 'large' }))
  if (large.whole) throw new Error('It was not to be held back.')
  expect((await new Response(large.body).arrayBuffer()).byteLength).toBe(heldBytes + 1)
  await expect(collect(client.runSql({ sql: 'fails' }))).rejects.toThrowError('It is no query.')
  expect(cutOff).toBe(0)
})
