/**
 * Whether a subject gets the candidate: by the same answer each time, and once it does, also at every larger share. The
 * salt, which is the rollout's own, makes other subjects the first of the next one. FNV-1a, 32 bits, with the finish of
 * MurmurHash3: its low bits alone would not be even.
 */
export function getsCandidate(salt: string, subject: string, percent: number): boolean {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(`${salt}/${subject}`)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return (hash >>> 0) / 2 ** 32 < percent / 100
}
