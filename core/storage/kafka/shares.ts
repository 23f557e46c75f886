import { hash } from 'node:crypto'
import { Reader, Writer } from '@platformatic/kafka'

/**
 * What members of a group share: all partitions of all topics, also of those that are made later, fall into so many
 * shares, so a new topic is no reason to share anew. More members than that have nothing to do.
 */
export const shareCount = 64
const shareBits = 6
const version = 0

/** The partitions of a topic lie as far from one another as can be (van der Corput's sequence), as holders have neighbours. */
export function shareOf(topic: string, partition: number): number {
  let distance = 0
  for (let bit = 0; bit < shareBits; bit++) distance = (distance << 1) | ((partition >> bit) & 1)
  return (hash('sha256', topic, 'buffer').readUInt32BE(0) + distance) % shareCount
}

/*
 * ConsumerProtocolSubscription (Version: 0) => version [topics] user_data
 *   version => INT16 · topics => STRING · user_data => NULLABLE_BYTES
 * ConsumerProtocolAssignment (Version: 0) => version [assigned_partitions] user_data
 * https://github.com/apache/kafka/tree/trunk/clients/src/main/resources/common/message · no topics: the shares are ours
 */
export function encodeShares(shares: readonly number[]): Buffer {
  return Writer.create()
    .appendInt16(version)
    .appendArray([], () => undefined, false, false)
    .appendBytes(Buffer.from(shares), false).buffer
}

export function decodeShares(bytes: Buffer): readonly number[] {
  // What a leader gives to somebody it does not know.
  if (bytes.length === 0) return []
  const reader = Reader.from(bytes)
  reader.readInt16()
  reader.readArray(() => undefined, false, false)
  return [...(reader.readNullableBytes(false) ?? [])]
}

export interface Member {
  readonly memberId: string
  /** What it has, and goes on with meanwhile. */
  readonly held: readonly number[]
}

/**
 * Who has what from now on, evenly, and with as few changes as can be (KIP-429, cooperative): what one member has too much
 * is nobody's until it has let go of it and joins again. What two say they have, both have to let go of.
 */
export function shareOut(members: readonly Member[]): ReadonlyMap<string, readonly number[]> {
  const holders = new Map<number, number>()
  for (const { held } of members) for (const share of held) holders.set(share, (holders.get(share) ?? 0) + 1)
  const free = Array.from({ length: shareCount }, (_, share) => share).filter((share) => !holders.has(share))
  const least = Math.floor(shareCount / members.length)
  const spare = shareCount % members.length
  const byHeld = members.toSorted((a, b) => b.held.length - a.held.length || (a.memberId < b.memberId ? -1 : 1))
  return new Map(
    byHeld.map(({ memberId, held }, at) => {
      const most = at < spare ? least + 1 : least
      const kept = held.filter((share) => holders.get(share) === 1).slice(0, most)
      return [memberId, [...kept, ...free.splice(0, most - kept.length)]]
    }),
  )
}
