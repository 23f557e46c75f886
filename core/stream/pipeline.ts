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

/** What was decided about records other than to take them, by offset. */
export type Exceptions = ReadonlyMap<number, Exclude<Outcome, { readonly kind: 'ok' }>>

/** Runs records through the steps, in order; the first step that does not say ok decides. */
export function judge(steps: readonly Step[], records: readonly StoredRecord[]): Exceptions {
  const exceptions = new Map<number, Exclude<Outcome, { readonly kind: 'ok' }>>()
  for (const record of records) {
    for (const step of steps) {
      const outcome = step(record)
      if (outcome.kind === 'ok') continue
      exceptions.set(record.offset, outcome)
      break
    }
  }
  return exceptions
}
