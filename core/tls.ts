import { readFileSync } from 'node:fs'
import type { GrpcTls } from '#mesh/rpc/node/server.ts'
import type { Env } from './env.ts'

/** What the core shows to services, and who signs what they show: from files, read at the start. */
export function readTls(env: Env): GrpcTls | undefined {
  const { CORE_GRPC_CERT_FILE, CORE_GRPC_KEY_FILE, CORE_GRPC_CLIENT_CA_FILE } = env
  const files = { CORE_GRPC_CERT_FILE, CORE_GRPC_KEY_FILE, CORE_GRPC_CLIENT_CA_FILE }
  if (Object.values(files).every((file) => file === undefined)) return undefined
  const [certificate, key, clientAuthorities] = Object.entries(files).map(([name, file]) => {
    try {
      if (file === undefined) throw new Error('is needed beside the other two')
      return readFileSync(file)
    } catch (error) {
      throw new Error(`The configuration does not hold:\n  ${name}: ${(error as Error).message}`, { cause: error })
    }
  }) as [Buffer, Buffer, Buffer]
  return { certificate, key, clientAuthorities }
}
