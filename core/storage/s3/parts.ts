import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { isAway, patiently } from './failures.ts'

/** Of what is larger than one. S3 takes none below 5 MiB but the last, and 10,000 of them. */
export const partBytes = 8 << 20
/** At once, of one object. */
const width = 4

/**
 * Puts a large object in parts: it is there once the last request is answered, and nothing of it before.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
export async function putInParts(
  client: S3Client,
  place: { readonly Bucket: string; readonly Key: string },
  bytes: Uint8Array,
  patienceMs: number,
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place))
  const upload = { ...place, UploadId }
  const waiting = Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, number) => number)
  const tags: string[] = []

  async function sendNext(): Promise<void> {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      const Body = bytes.subarray(number * partBytes, (number + 1) * partBytes)
      const part = new UploadPartCommand({ ...upload, PartNumber: number + 1, Body })
      const { ETag = '' } = await patiently(() => client.send(part), patienceMs)
      tags[number] = ETag
    }
  }

  try {
    const lanes = Array.from({ length: width }, () =>
      sendNext().catch((error: unknown) => {
        waiting.length = 0
        throw error
      }),
    )
    // None may be under way when the others are given up.
    await Promise.allSettled(lanes)
    await Promise.all(lanes)
    const Parts = tags.map((ETag, number) => ({ ETag, PartNumber: number + 1 }))
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }))
  } catch (error) {
    // Where the server is away, what it has is dropped later.
    if (!isAway(error)) await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined)
    throw error
  }
}

/** Gives back the room of uploads that were begun before a time and have not ended. */
export async function dropUploads(client: S3Client, Bucket: string, Prefix: string, before: number): Promise<void> {
  let from: { readonly KeyMarker?: string | undefined; readonly UploadIdMarker?: string | undefined } = {}
  for (let isMore = true; isMore;) {
    const page = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix, ...from }))
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if ((Initiated?.getTime() ?? Infinity) >= before) continue
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
    }
    from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
    isMore = page.IsTruncated === true && from.KeyMarker !== undefined
  }
}
