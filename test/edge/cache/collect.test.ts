import { create, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { encodeFrame, encodeTrailers } from '#mesh/rpc/frames.ts'
import { connectWeb } from '#mesh/rpc/web.ts'
import {
  QueryService,
  type ResultChunk,
  ResultChunkSchema,
  ResultHeadSchema,
  ResultTailSchema,
} from '#proto/edgewise/query/v1/query_pb.ts'
import { collect, heldBytes } from '../../../edge/cache/collect.ts'

const message = (piece: ResultChunk['piece']): Uint8Array<ArrayBuffer> =>
  encodeFrame(0, toBinary(ResultChunkSchema, create(ResultChunkSchema, { piece })))
const trailers = (status: number): Uint8Array<ArrayBuffer> => encodeTrailers([['grpc-status', String(status)]])

const answers: Readonly<Record<string, readonly Uint8Array<ArrayBuffer>[]>> = {
  small: result(10),
  large: result(heldBytes + 1),
  fails: [trailers(3)],
}

function result(bytes: number): readonly Uint8Array<ArrayBuffer>[] {
  return [
    message({ case: 'head', value: create(ResultHeadSchema) }),
    message({ case: 'body', value: new Uint8Array(bytes) }),
    message({ case: 'tail', value: create(ResultTailSchema) }),
    trailers(0),
  ]
}

test.each(Object.entries(answers))(
  'a %s answer is read to its end, so that its connection can serve the next one',
  async (name, frames) => {
    let sent = 0
    let ended = false
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const next = frames[sent++]
          if (next !== undefined) return controller.enqueue(next)
          ended = true
          controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    const client = connectWeb(QueryService, { url: 'http://core', fetch: () => Promise.resolve(new Response(body)) })
    const collecting = collect(client.runSql({ sql: 'SELECT 1' }))
    if (name === 'fails') await expect(collecting).rejects.toThrowError()
    else {
      const collected = await collecting
      expect(collected.whole).toBe(name === 'small')
      const bytes = collected.whole ? collected.body : await new Response(collected.body).arrayBuffer()
      expect(bytes.byteLength).toBe(name === 'small' ? 10 : heldBytes + 1)
    }
    expect(ended).toBe(true)
  },
)
