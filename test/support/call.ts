import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { Call } from '#mesh/rpc/call.ts'
import { ActorSchema, IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** A call by an actor, as the interceptors would have filled it in. */
export function callBy(actor: MessageInitShape<typeof ActorSchema>, timeoutMs = 10_000): Call {
  return {
    method: IdentityService.method.listKeys,
    metadata: new Map(),
    requestId: 'req_test',
    traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
    deadline: Date.now() + timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
    actor: create(ActorSchema, { workspace: 'main', id: 'key_test', ...actor }),
    trailers: new Map(),
  }
}
