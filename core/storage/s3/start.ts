import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3'
import { DatabaseError } from '../database-error.ts'
import { connectS3 } from './client.ts'
import { codeOf, isAway, patiently, wordsOf } from './failures.ts'
import type { S3Options } from './url.ts'

/** Fails where the bucket cannot be used, with a DatabaseError; leaves nothing in it. A server that starts is waited for. */
export async function askBucket(options: S3Options): Promise<void> {
  const client = connectS3(options)
  try {
    await patiently(() => ask(client, options), options.timeoutMs)
  } catch (error) {
    throw cannotOpen(options, error)
  } finally {
    client.destroy()
  }
}

async function ask(client: S3Client, { bucket: Bucket, prefix }: S3Options): Promise<void> {
  await client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, MaxKeys: 1 }))
  await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: prefix, MaxUploads: 1 }))
  // Whoever may begin an upload may write, and one that is given up leaves not even a version.
  const probe = { Bucket, Key: `${prefix}probe` }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(probe))
  await client.send(new AbortMultipartUploadCommand({ ...probe, UploadId }))
}

const ways: readonly (readonly [pattern: RegExp, way: string])[] = [
  [/^NoSuchBucket$/, 'Create the bucket, or check its name in OBJECTS_URL.'],
  [
    /^(?:InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|UnrecognizedClientException)$|access key ID/,
    'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or key and secret of OBJECTS_URL (percent-encoded).',
  ],
  [
    /^(?:CredentialsProviderError|Credentials?.*|AccessDenied)$/,
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads there.',
  ],
  [/^(?:PermanentRedirect|AuthorizationHeaderMalformed|301)$/, "Say the bucket's region: region=… in OBJECTS_URL."],
  [/^(?:RequestTimeTooSkewed)$/, 'Set the clocks (NTP).'],
  [/Region is missing/, 'Say region=… in OBJECTS_URL, or set AWS_REGION.'],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'Check endpoint and region of OBJECTS_URL; most servers need path_style=true.'],
  [/CERT|SELF_SIGNED|VERIFY|ISSUER/, 'Name its authority by ca=FILE, and the server as its certificate does.'],
  [/^(?:E[A-Z]+|TimeoutError)$/, 'Start the server, or check endpoint of OBJECTS_URL.'],
]

/** Says which bucket it is, why, and the way out: nothing of the URL that is secret. */
function cannotOpen({ bucket, endpoint, region }: S3Options, error: unknown): DatabaseError {
  const [code, words] = [codeOf(error), wordsOf(error)]
  const way = ways.find(([pattern]) => pattern.test(code) || pattern.test(words))?.[1] ?? 'Check OBJECTS_URL.'
  const at = endpoint ?? `Amazon S3${region === undefined ? '' : ` in ${region}`}`
  return new DatabaseError(
    `The bucket ${bucket} at ${at} cannot be used: ${words} (${code}). ${way} Without OBJECTS_URL files are kept in the data directory.`,
    isAway(error) ? 68 : 78,
  )
}
