import { clone, create } from '@bufbuild/protobuf'
import { isWithin } from '#mesh/network.ts'
import type { Call } from '#mesh/rpc/call.ts'
import { isScope } from '#mesh/scopes.ts'
import { forwardedSpiffeId, isSpiffeId } from '#mesh/spiffe.ts'
import { type Actor, ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** What may be done without a workspace. */
const internalScopes: ReadonlySet<string> = new Set(['internal:edge'])

/**
 * Which services of the mesh are somebody here, by SPIFFE ID. From `spiffe://… [workspace=NAME] scope …`, separated by commas;
 * or why one of them does not hold.
 */
export function parseServices(text: string): ReadonlyMap<string, Actor> | string {
  const actors = new Map<string, Actor>()
  const entries = text.split(',').map((entry) => entry.trim())
  for (const entry of entries.filter((one) => one !== '')) {
    const [id = '', ...words] = entry.split(/\s+/)
    const [first = ''] = words
    const workspace = /^workspace=([a-z][a-z0-9_]{0,47})$/.exec(first)?.[1]
    const scopes = workspace === undefined ? words : words.slice(1)
    if (!isSpiffeId(id)) return `\`${id.slice(0, 200)}\` is not a SPIFFE ID`
    if (actors.has(id)) return `${id} is there twice`
    if (scopes.length === 0) return `${id} has no scope`
    const wrong = scopes.find((scope) => !(workspace === undefined ? internalScopes.has(scope) : isScope(scope)))
    if (wrong !== undefined) {
      return workspace === undefined
        ? `${id} has \`${wrong}\`, for which it needs a workspace: workspace=NAME before the scopes`
        : `${id} has \`${wrong}\`, which is not a scope`
    }
    actors.set(id, create(ActorSchema, { workspace: workspace ?? '', id, scopes }))
  }
  return actors
}

/**
 * Who a service is by its certificate. Where a sidecar ends mutual TLS, by what that says of it: `forwarded` is for
 * installations in which only a sidecar reaches the core over loopback, because whoever else does can say the same.
 */
export function createServices(actors: ReadonlyMap<string, Actor>, { forwarded }: { readonly forwarded: boolean }) {
  return ({ peer, metadata }: Pick<Call, 'peer' | 'metadata'>): Actor | undefined => {
    if (actors.size === 0 || peer === undefined) return undefined
    const { address, spiffeId } = peer()
    const header = forwarded && isLoopback(address) ? metadata.get('x-forwarded-client-cert') : undefined
    const id = spiffeId ?? (header === undefined ? undefined : forwardedSpiffeId(header))
    const actor = id === undefined ? undefined : actors.get(id)
    return actor && clone(ActorSchema, actor)
  }
}

function isLoopback(address: string): boolean {
  return isWithin(address, '127.0.0.0/8') || isWithin(address, '::1')
}
