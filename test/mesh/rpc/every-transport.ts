import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { DescService } from '@bufbuild/protobuf'
import type { Client, Interceptor } from '#mesh/rpc/call.ts'
import type { Metadata } from '#mesh/rpc/client.ts'
import { connectMemory } from '#mesh/rpc/memory.ts'
import { mount } from '#mesh/rpc/mount.ts'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { startGrpcServer } from '#mesh/rpc/node/server.ts'
import { grpcWebHandler } from '#mesh/rpc/node/web.ts'
import { connectWeb } from '#mesh/rpc/web.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Services } from './services.ts'

export interface Connected {
  readonly query: Client<typeof QueryService>
  readonly ingest: Client<typeof IngestService>
  close(): Promise<void>
}

/** Every way a client can reach a service, each with a server of its own. */
export const transports: Readonly<
  Record<string, (services: Services, interceptors: readonly Interceptor[], metadata: Metadata) => Promise<Connected>>
> = {
  async memory({ query, ingest }, interceptors, metadata) {
    return {
      query: connectMemory(QueryService, query, { interceptors, metadata }),
      ingest: connectMemory(IngestService, ingest, { interceptors, metadata }),
      close: () => Promise.resolve(),
    }
  },

  async grpc({ query, ingest }, interceptors, metadata) {
    const server = await startGrpcServer({
      address: '127.0.0.1:0',
      services: [mount(QueryService, query), mount(IngestService, ingest)],
      interceptors,
      limits: { graceMs: 200 },
    })
    const connect = <S extends DescService>(desc: S) => connectGrpc(desc, { address: server.address, metadata })
    const clients = { query: connect(QueryService), ingest: connect(IngestService) }
    return {
      ...clients,
      async close() {
        clients.query[Symbol.dispose]()
        clients.ingest[Symbol.dispose]()
        await server.close()
      },
    }
  },

  async 'gRPC-Web'({ query, ingest }, interceptors, metadata) {
    const server = createServer(
      grpcWebHandler({ services: [mount(QueryService, query), mount(IngestService, ingest)], interceptors }),
    )
    const url = await listen(server)
    return {
      query: connectWeb(QueryService, { url, headers: metadata }),
      ingest: connectWeb(IngestService, { url, headers: metadata }),
      async close() {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  },
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
