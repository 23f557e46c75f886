import type { RedisLimits } from './limits.ts'

/** Commands whose few bytes could make or ask for many, and why one is refused. */
export function boundViolation(
  args: readonly string[],
  { maxOffsetBytes, maxElements }: RedisLimits,
): string | undefined {
  const [name = '', , second = ''] = args
  switch (name) {
    case 'COPY':
      return args.slice(3).some((option) => option.toUpperCase() === 'DB') ? 'ERR DB is not offered here' : undefined
    case 'SETRANGE':
      return Number(second) > maxOffsetBytes ? tooFar(maxOffsetBytes) : undefined
    case 'SETBIT':
      return Number(second) / 8 > maxOffsetBytes ? tooFar(maxOffsetBytes) : undefined
    case 'BITFIELD':
      return bitfieldEnd(args) / 8 > maxOffsetBytes ? tooFar(maxOffsetBytes) : undefined
    case 'SRANDMEMBER':
    case 'HRANDFIELD':
    case 'ZRANDMEMBER':
      return Number(second) < -maxElements ? `ERR a count below zero is at least -${maxElements} here` : undefined
    default:
      return undefined
  }
}

/** `GET type offset | SET type offset value | INCRBY type offset increment …`; `#n` is n times the width of the type. */
function bitfieldEnd(args: readonly string[]): number {
  let end = 0
  for (const [at, option] of args.entries()) {
    if (!/^(?:GET|SET|INCRBY)$/i.test(option)) continue
    const width = Number(args[at + 1]?.slice(1))
    const offset = args[at + 2] ?? ''
    end = Math.max(end, width + (offset.startsWith('#') ? width * Number(offset.slice(1)) : Number(offset)) || 0)
  }
  return end
}

function tooFar(maxOffsetBytes: number): string {
  return `ERR offset is out of range: at most ${maxOffsetBytes} bytes into a text`
}

/** What a command adds to a workspace at most, beside what it copies. */
export function addedBytes(args: readonly string[], bytes: number): number {
  const [name = '', , second = ''] = args
  if (name === 'SETRANGE') return bytes + Number(second) || 0
  if (name === 'SETBIT') return bytes + Number(second) / 8 || 0
  if (name === 'BITFIELD') return bytes + bitfieldEnd(args) / 8
  // About what Redis keeps beside an element, each argument being one.
  return bytes + 64 * (args.length - 1)
}

/** How many elements a command answers at most; undefined where that is not few. */
export function elementsOf(args: readonly string[], { maxElements }: RedisLimits): number | undefined {
  const [name = '', , second, third] = args
  const few = (count: number) => (Number.isInteger(count) && count <= maxElements ? Math.max(1, count) : undefined)
  switch (name) {
    case 'LINDEX':
    case 'LMOVE':
    case 'RPOPLPUSH':
      return 1
    case 'LPOP':
    case 'RPOP':
    case 'SPOP':
    case 'ZPOPMIN':
    case 'ZPOPMAX':
    case 'SRANDMEMBER':
    case 'HRANDFIELD':
    case 'ZRANDMEMBER':
      return few(second === undefined ? 1 : Math.abs(Number(second)))
    case 'LRANGE':
    case 'ZRANGE':
    case 'ZREVRANGE': {
      const [from, to] = [second, third].map((text) => (/^\d{1,15}$/.test(text ?? '') ? Number(text) : Infinity))
      const byRank = !args.slice(4).some((option) => /^BY/i.test(option))
      return byRank ? few((to ?? Infinity) - (from ?? Infinity) + 1) : undefined
    }
    default:
      return undefined
  }
}
