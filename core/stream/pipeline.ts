import type { StoredRecord } from '../storage/log.ts'
import type { Repeats } from './repeats.ts'

/** What a step makes of a record. */
export type Outcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'quarantine'; readonly column: string; readonly reason: string }

export type Step = (record: StoredRecord) => Outcome

const ok: Outcome = { kind: 'ok' }
const drop: Outcome = { kind: 'drop' }

/** What every record passes between the log and the warehouse, in this order. */
export function pipeline(repeats: Repeats): readonly Step[] {
  return [
    function dropRepeats(record) {
      return repeats.isRepeat(record) ? drop : ok
    },
    function quarantineWhatIsNoObject(record) {
      return record.value.startsWith('{') ? ok : { kind: 'quarantine', column: '', reason: 'is not a JSON object' }
    },
  ]
}

export interface Sorted {
  readonly good: StoredRecord[]
  readonly bad: { readonly record: StoredRecord; readonly column: string; readonly reason: string }[]
  readonly dropped: number
}

/** Runs records through the steps; the first step that does not say ok decides. */
export function sort(steps: readonly Step[], records: readonly StoredRecord[]): Sorted {
  const sorted: Sorted & { dropped: number } = { good: [], bad: [], dropped: 0 }
  for (const record of records) {
    let outcome: Outcome = ok
    for (const step of steps) {
      outcome = step(record)
      if (outcome.kind !== 'ok') break
    }
    if (outcome.kind === 'ok') sorted.good.push(record)
    else if (outcome.kind === 'drop') sorted.dropped++
    else sorted.bad.push({ record, column: outcome.column, reason: outcome.reason })
  }
  return sorted
}
