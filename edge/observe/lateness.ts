import type { Background } from '../core.ts'

const everyMs = 25
const samples = 4
/** A round of measuring, which the request that began it stays behind for; nobody measures where nobody asks. */
const rounds = 40
const lostMs = 10_000
const freshMs = 1_000

/**
 * How long what is ready to run waits for this isolate's turn: the least of the last few times, as the core measures
 * itself (core/loop-delay.ts).
 */
export function createLateness({
  now,
  sleep,
}: {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
}) {
  let late: number[] = []
  let measuredAt = Number.NEGATIVE_INFINITY
  /** As in usage.ts. */
  let measuringSince = Number.NEGATIVE_INFINITY

  async function measure(): Promise<void> {
    try {
      for (let round = 0; round < rounds; round++) {
        const dueAt = now() + everyMs
        await sleep(everyMs)
        measuredAt = now()
        late = [...late.slice(1 - samples), Math.max(0, measuredAt - dueAt)]
      }
    } finally {
      measuringSince = Number.NEGATIVE_INFINITY
    }
  }

  return {
    /** 0 where it was not measured just now. */
    ms(): number {
      if (late.length < samples || Math.abs(now() - measuredAt) > freshMs) return 0
      return Math.min(...late)
    },
    watch(background: Background): void {
      if (Math.abs(now() - measuringSince) < lostMs) return
      measuringSince = now()
      background.waitUntil(measure())
    },
  }
}
