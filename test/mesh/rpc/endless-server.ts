/** A process to be killed: it serves a stream that never ends, over gRPC and gRPC-Web. */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { interceptors } from '#mesh/rpc/interceptors.ts'
import { mount } from '#mesh/rpc/mount.ts'
import { startGrpcServer } from '#mesh/rpc/node/server.ts'
import { grpcWebHandler } from '#mesh/rpc/node/web.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { QueryService, ResultChunkSchema } from '#proto/edgewise/query/v1/query_pb.ts'
import { listen } from './every-transport.ts'
import { services } from './services.ts'

const silent = { debug: () => undefined, info: () => undefined, error: () => undefined }
const around = interceptors({ authenticate: async () => create(ActorSchema), log: silent })
const { query } = services({
  query: {
    async *runSql() {
      for (;;) {
        yield create(ResultChunkSchema, { piece: { case: 'body', value: Uint8Array.of(1, 2, 3) } })
        await sleep(20)
      }
    },
  },
})
const mounted = [mount(QueryService, query)]
const server = await startGrpcServer({ address: '127.0.0.1:0', services: mounted, interceptors: around })
const web = await listen(createServer(grpcWebHandler({ services: mounted, interceptors: around })))
process.send?.({ grpc: server.address, web })
process.on('disconnect', () => process.exit())
