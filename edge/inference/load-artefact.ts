import type { Client } from '#mesh/rpc/call.ts'
import type { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { joined } from '../cache/collect.ts'

const timeoutMs = 10_000

/** The file of a version, from the core, by this edge's own credential. */
export function loadArtefact(model: Pick<Client<typeof ModelService>, 'getArtefact'>) {
  return async (sha256: string, signal: AbortSignal): Promise<Uint8Array> => {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const { bytes } of model.getArtefact({ sha256 }, { timeoutMs, signal })) {
      pieces.push(bytes)
      length += bytes.length
    }
    return joined(pieces, length)
  }
}
