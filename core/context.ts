import { Failure } from '#mesh/errors.ts'
import type { Call } from '#mesh/rpc/call.ts'
import { allows, type Scope } from '#mesh/scopes.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** What every verb is given beside its input: `verb(ctx, input)`. */
export interface Context {
  /** Who is asking; everything done is inside this actor's workspace. */
  readonly actor: Actor
  readonly requestId: string
  /** See `addressOf`. */
  readonly address?: string
  /** Milliseconds since 1970. */
  readonly deadline: number
  /** Aborts when the caller goes away or the deadline passes. */
  readonly signal: AbortSignal
}

/** Opens a verb: the actor must hold the scope, for the resource of that name if there is one. */
export function authorise(ctx: Context, needed: Scope, name?: string): void {
  if (allows(ctx.actor.scopes, needed, name)) return
  const scope = name === undefined ? needed : `${needed}:${name}`
  throw new Failure('auth.scope', `This needs the scope ${scope}.`, {
    hint: `Use a key that has ${scope}, or ask whoever made this one for another.`,
  })
}

/** The context of an authenticated call. */
export function contextOf(call: Call): Context {
  if (call.actor === undefined) throw new Failure('auth.missing', 'This call needs a credential.')
  const { actor, requestId, deadline, signal } = call
  return { actor, requestId, deadline, signal, address: addressOf(call) }
}

/**
 * Where a request came from, as the edge that passes it on saw it; empty where nobody said. Whoever calls the core itself
 * may say what it likes: it is worth as much as that caller.
 */
export function addressOf({ metadata }: Pick<Call, 'metadata'>): string {
  const address = metadata.get('x-client-address') ?? ''
  return /^[\da-f:.]{2,45}$/i.test(address) ? address : ''
}
