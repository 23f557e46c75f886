/** What shares a limit: an IPv4 address, or the /64 that one IPv6 subscriber has. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail === undefined) return groups.slice(0, 4).join(':')
  const last = tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - last.length) }, () => '0')
  return [...groups, ...zeros, ...last].slice(0, 4).join(':')
}

/** Whether an address is within a network in CIDR form (RFC 4632, RFC 4291), or is the one address that it names. */
export function isWithin(address: string, network: string): boolean {
  const at = parseAddress(address)
  const of = parseNetwork(network)
  if (at === undefined || of === undefined || at.bits !== of.bits) return false
  const shift = BigInt(of.bits - of.prefix)
  return at.value >> shift === of.value >> shift
}

/** Whether every address of a network is within another. */
export function isPartOf(network: string, whole: string): boolean {
  const inner = parseNetwork(network)
  const outer = parseNetwork(whole)
  if (inner === undefined || outer === undefined || inner.bits !== outer.bits) return false
  const shift = BigInt(outer.bits - outer.prefix)
  return inner.prefix >= outer.prefix && inner.value >> shift === outer.value >> shift
}

export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined
}

interface Address {
  readonly value: bigint
  readonly bits: 32 | 128
}

function parseNetwork(text: string): (Address & { readonly prefix: number }) | undefined {
  const [, host = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseAddress(host)
  if (address === undefined) return undefined
  const prefix = length === undefined ? address.bits : Number(length)
  return prefix <= address.bits ? { ...address, prefix } : undefined
}

function parseAddress(text: string): Address | undefined {
  // An IPv4 address in IPv6's clothes is the IPv4 address.
  const plain = /^::ffff:([\d.]+)$/i.exec(text)?.[1] ?? text
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(plain)?.slice(1).map(Number)
  if (parts !== undefined) {
    if (parts.some((part) => part > 255)) return undefined
    return { value: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n), bits: 32 }
  }
  if (!/^[\da-f:]{2,39}$/i.test(plain)) return undefined
  const halves = plain.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined
  return { value: groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n), bits: 128 }
}
