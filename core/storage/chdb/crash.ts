import { readdirSync, readFileSync } from 'node:fs'

/** Bits of a signal mask: signal n is bit n - 1. */
const hangup = 1n << 0n
const segmentationFault = 1n << 10n

/**
 * Whether a thread of the process has crashed. The engine's handler of a fatal signal keeps the broken thread asleep for
 * 20 s, for a report that an embedded engine does not write, and everything that waits for that thread waits too. Linux
 * shows it: in the handler a thread blocks fatal signals and not others. Elsewhere the answer is no, and the deadlines
 * and the 20 s decide.
 */
export function hasCrashed(pid: number | undefined): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')
      const blocked = BigInt(`0x${/^SigBlk:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
      return (blocked & segmentationFault) !== 0n && (blocked & hangup) === 0n
    })
  } catch {
    return false
  }
}
