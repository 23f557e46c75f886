import { hash, randomInt } from 'node:crypto'

/** The identity of an event by its declared id: 16 bytes, different for each workspace and stream. */
export function idDigest(topic: string, id: string): Uint8Array {
  return hash('sha256', `id\n${topic}\n${id}`, 'buffer').subarray(0, 16)
}

/** The identities of a batch's rows by its Idempotency-Key and their index: 12 bytes of the one, 4 of the other. */
export function batchDigests(topic: string, key: string): (row: number) => Uint8Array {
  const base = hash('sha256', `key\n${topic}\n${key}`, 'buffer').subarray(0, 12)
  return (row) => {
    const digest = Buffer.alloc(16)
    base.copy(digest)
    digest.writeUInt32BE(row, 12)
    return digest
  }
}

/** The partition that an identity always goes to. */
export function partitionOf(digest: Uint8Array, partitions: number): number {
  const [a = 0, b = 0, c = 0] = digest
  return ((a << 16) | (b << 8) | c) % partitions
}

/** Events without identity can go anywhere; those of a batch go to one place, as one write. */
export function anyPartition(partitions: number): number {
  return randomInt(partitions)
}
