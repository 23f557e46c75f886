import { fromJson, type JsonValue } from '@bufbuild/protobuf'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Context } from '../context.ts'

/** As whoever asked for it: what is done later sees the rows that its owner may see. */
export function ownerContext(
  { owner, requestId }: { readonly owner: unknown; readonly requestId: string },
  limits: Pick<Context, 'deadline' | 'signal'>,
): Context {
  return { actor: fromJson(ActorSchema, owner as JsonValue), requestId, ...limits }
}
