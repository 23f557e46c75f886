/** Where in a command its keys are: indexes, 0 being its name; or why that cannot be told. */
export type Positions = (args: readonly string[]) => readonly number[] | string

const wrongNumber = 'ERR wrong number of arguments'
const syntax = 'ERR syntax error'

export const first: Positions = (args) => (args.length > 1 ? [1] : wrongNumber)
export const two: Positions = (args) => (args.length > 2 ? [1, 2] : wrongNumber)
/** After a subcommand, which says whether there is a key: all that are offered have one. */
export const second: Positions = (args) => (args.length > 2 ? [2] : wrongNumber)
export const all: Positions = (args) => range(1, args.length, 1)
export const fromSecond: Positions = (args) => range(2, args.length, 1)
export const pairs: Positions = (args) => (args.length % 2 === 1 ? range(1, args.length, 2) : wrongNumber)
export const triples: Positions = (args) => (args.length % 3 === 1 ? range(1, args.length, 3) : wrongNumber)
export const allBut =
  (last: number): Positions =>
  (args) =>
    range(1, args.length - last, 1)

/** As many as the argument at `at` says, behind it; and one more where there is a destination. */
export const counted =
  (at: number, destination?: number): Positions =>
  (args) => {
    const text = args[at] ?? ''
    // As Redis reads numbers: another reading would take something else for a key.
    if (!/^(?:0|[1-9]\d{0,5})$/.test(text)) return 'ERR value is not an integer or out of range'
    const end = at + 1 + Number(text)
    if (end > args.length) return syntax
    return [
      ...(destination === undefined ? [] : [destination]),
      ...Array.from({ length: Number(text) }, (_, i) => at + 1 + i),
    ]
  }

/** `[GROUP group consumer] [COUNT n] [NOACK] STREAMS key … id …`; `BLOCK` is not offered. */
export const afterStreams: Positions = (args) => {
  for (let at = 1; at < args.length;) {
    const option = args[at]?.toUpperCase()
    if (option === 'STREAMS') {
      const left = args.length - at - 1
      return left > 0 && left % 2 === 0 ? range(at + 1, at + 1 + left / 2, 1) : syntax
    }
    if (option === 'BLOCK') return 'ERR BLOCK is not offered here: ask again instead'
    if (option === 'GROUP' && at === 1) at += 3
    else if (option === 'COUNT') at += 2
    else if (option === 'NOACK') at += 1
    else return syntax
  }
  return syntax
}

function range(from: number, to: number, step: number): readonly number[] | string {
  if (to <= from) return wrongNumber
  return Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step)
}
