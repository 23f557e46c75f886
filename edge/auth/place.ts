import { Failure } from '#mesh/errors.ts'
import { isWithin } from '#mesh/network.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { addressOf } from '../limit/address.ts'

/** Whether the actor may come from anywhere, so that nothing has to be looked at. */
export function comesFromAnywhere({ addresses, origins }: Actor): boolean {
  return addresses.length === 0 && origins.length === 0
}

/** A credential that is for some networks or some origins is nothing elsewhere; where it cannot be known is elsewhere. */
export function refuseElsewhere({ addresses, origins }: Actor, request: Request, header: string | undefined): void {
  if (addresses.length > 0) {
    const address = addressOf(request, header)
    if (!addresses.some((network) => isWithin(address, network))) {
      throw new Failure('auth.place', `The credential may not be used from ${address || 'an unknown address'}.`)
    }
  }
  if (origins.length > 0) {
    const origin = request.headers.get('origin')
    if (origin === null || !origins.includes(origin)) {
      throw new Failure(
        'auth.place',
        `The credential may not be used from the origin ${(origin ?? 'none').slice(0, 200)}.`,
      )
    }
  }
}
