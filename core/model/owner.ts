import { fromJson, type JsonValue } from '@bufbuild/protobuf'
import { Failure } from '#mesh/errors.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Context } from '../context.ts'
import type { ModelDeps } from './deps.ts'

/** As whoever asked for it: what is done later sees the rows that its owner may see. */
export function ownerContext(
  { owner, requestId }: { readonly owner: unknown; readonly requestId: string },
  limits: Pick<Context, 'deadline' | 'signal'>,
): Context {
  return { actor: fromJson(ActorSchema, owner as JsonValue), requestId, ...limits }
}

/** The same without the rights that the owner has lost since; fails with `auth.invalid` where nothing is left of it. */
export async function currently({ ownerNow }: Pick<ModelDeps, 'ownerNow'>, ctx: Context): Promise<Context> {
  const actor = await ownerNow(ctx.actor)
  if (actor !== undefined) return { ...ctx, actor }
  throw new Failure('auth.invalid', `\`${ctx.actor.id}\`, who asked for it, has ended.`, {
    hint: 'Ask for it again with a key that holds.',
  })
}
