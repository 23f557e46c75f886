import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { S3Client } from '@aws-sdk/client-s3'
import type { S3Options } from './url.ts'

/** A client of the bucket's server. It asks thrice itself, and sets its clock by the server's where they differ. */
export function connectS3({ endpoint, region, credentials, checksums, ca, ...options }: S3Options): S3Client {
  const agent = { keepAlive: true, maxSockets: options.poolSize }
  const calculated = checksums === 'always' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'
  return new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
    forcePathStyle: options.pathStyle,
    requestChecksumCalculation: calculated,
    responseChecksumValidation: calculated,
    // It would take a connection of its own, without our authority and bound, and wait for six seconds.
    expectContinueHeader: false,
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: options.timeoutMs,
      socketTimeout: options.timeoutMs,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...(ca !== undefined && { ca }) }),
    },
  })
}
