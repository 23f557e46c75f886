/** A prediction as it was served: one row of a request, field by field as in the contract (ServedPrediction). */
export interface ServedRow {
  readonly workspace: string
  /** Since 1970. */
  readonly timeMs: bigint
  readonly requestId: string
  readonly row: number
  readonly subject: string
  readonly model: string
  readonly version: number
  readonly arm: string
  readonly placement: string
  /** JSON. */
  readonly features: string
  /** JSON. */
  readonly answer: string
}

/** What a request was answered. */
export interface Served extends Omit<ServedRow, 'timeMs' | 'row' | 'features' | 'answer'> {
  /** Of its rows: so many are recorded. */
  readonly share: number
  readonly rows: readonly unknown[]
  readonly answers: readonly unknown[]
}

export interface ServedLogDeps {
  /** Records rows, in batches. What it fails with is lost. */
  readonly write: (rows: readonly ServedRow[]) => Promise<unknown>
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly onDropped: (count: number) => void
  /** From 0 to 1. */
  readonly random?: () => number
}

const delayMs = 500
const lostMs = 35_000
const maxBatchRows = 1_000
/** Of features and answers as text. */
const maxBatchLength = 1 << 20
const maxRowLength = 64 << 10
const maxWaitingLength = 4 << 20

/**
 * Predictions as they were served, on their way to be recorded: a sample, in batches, after the answer and never in its
 * way. What there is no room for, and what cannot be written, is lost and counted.
 */
export function createServedLog({ write, now, sleep, onDropped, random = Math.random }: ServedLogDeps) {
  let waiting: ServedRow[] = []
  let length = 0
  /** When somebody began to send; one who has not ended by `lostMs` was torn down. */
  let sendingSince = Number.NEGATIVE_INFINITY

  function add(row: ServedRow): void {
    const more = lengthOf(row)
    if (more > maxRowLength || length + more > maxWaitingLength) return onDropped(1)
    waiting.push(row)
    length += more
  }

  function takeBatch(): readonly ServedRow[] {
    let taken = 0
    let rows = 0
    while (rows < waiting.length && rows < maxBatchRows && taken < maxBatchLength) taken += lengthOf(waiting[rows++]!)
    const batch = waiting.slice(0, rows)
    waiting = waiting.slice(rows)
    length -= taken
    return batch
  }

  async function send(): Promise<void> {
    try {
      await sleep(delayMs)
      while (waiting.length > 0) {
        const batch = takeBatch()
        await write(batch).catch(() => onDropped(batch.length))
      }
    } finally {
      sendingSince = Number.NEGATIVE_INFINITY
    }
  }

  async function keep(served: Served, picked: readonly number[], timeMs: bigint): Promise<void> {
    const { rows, answers, share: _, ...of } = served
    // The answer goes first: making text of rows takes its time.
    await sleep(0)
    for (const row of picked) {
      add({ ...of, timeMs, row, features: JSON.stringify(rows[row]), answer: JSON.stringify(answers[row]) })
    }
    if (Math.abs(now() - sendingSince) < lostMs) return
    sendingSince = now()
    await send()
  }

  return {
    /** Picks rows to be recorded; `background` is what may outlive the request. */
    record(served: Served, background: { waitUntil(work: Promise<unknown>): void }): void {
      if (served.share <= 0) return
      const picked = [...served.rows.keys()].filter(() => random() < served.share)
      if (picked.length > 0) background.waitUntil(keep(served, picked, BigInt(now())))
    },
  }
}

function lengthOf({ features, answer }: ServedRow): number {
  return features.length + answer.length
}
