import { create } from '@bufbuild/protobuf'
import type { Call, CallOptions, Service } from '#mesh/rpc/call.ts'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import type { GrpcTls } from '#mesh/rpc/node/server.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { contextOf } from '../context.ts'
import type { Assertions } from '../identity/index.ts'
import type { ModelsElsewhere } from '../model/index.ts'
import { authoriseSql } from '../query/index.ts'

/** This core, where it asks for itself. */
const itself = create(ActorSchema, { id: 'svc_core', scopes: ['internal:edge'] })

/** The process that has the models, by gRPC. It answers SQL as well: that about models. */
export function connectModels(address: string, tls: GrpcTls | undefined, assertions: Assertions) {
  const query = connectGrpc(QueryService, { address, tls })
  const model = connectGrpc(ModelService, { address, tls })
  const asActor = (actor: Parameters<Assertions['make']>[0]) => ({ authorization: `Bearer ${assertions.make(actor)}` })

  /** On behalf of the same actor, until the same deadline. */
  function onBehalf(call: Call): CallOptions {
    const { actor, requestId, address: from = '', deadline, signal } = contextOf(call)
    const metadata = {
      ...asActor(actor),
      'x-request-id': requestId,
      traceparent: call.traceparent,
      ...(from !== '' && { 'x-client-address': from }),
    }
    return { metadata, timeoutMs: Math.max(1, deadline - Date.now()), signal }
  }

  return {
    async artefact(sha256: string): Promise<Uint8Array> {
      const chunks: Uint8Array[] = []
      for await (const { bytes } of model.getArtefact({ sha256 }, { metadata: asActor(itself) })) chunks.push(bytes)
      return Buffer.concat(chunks)
    },
    /** The service with SQL about models answered there. */
    over(service: Service<typeof QueryService>, models: ModelsElsewhere): Service<typeof QueryService> {
      return {
        ...service,
        async *runSql(request, call) {
          const ctx = contextOf(call)
          authoriseSql(ctx)
          const { workspace } = ctx.actor
          if (await models.isAbout(workspace, request.sql)) {
            yield* query.runSql(request, onBehalf(call))
            models.forget(workspace)
          } else yield* service.runSql(request, call)
        },
      }
    },
    close(): void {
      query[Symbol.dispose]()
      model[Symbol.dispose]()
    },
  }
}
