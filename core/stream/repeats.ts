import type { Log, StoredRecord } from '../storage/log.ts'
import { KeySet } from './key-set.ts'
import type { StreamLimits } from './limits.ts'

/**
 * Recognises an event that came before: a record is a repeat if the last one with its key is in the same generation of
 * offsets or the one before, less than a day older. That one counts whether or not it was a repeat itself: only so does
 * the answer depend on those two generations alone, and after a crash it is decided the same again.
 */
export function createRepeats(limits: Pick<StreamLimits, 'repeatsWindow' | 'repeatsMs'>) {
  let generation = 0
  let current = new KeySet()
  let previous = new KeySet()

  /** Whether the record is a repeat. Records must be asked about once, in order. */
  function isRepeat(record: Pick<StoredRecord, 'offset' | 'key' | 'timestamp'>): boolean {
    const now = Math.floor(record.offset / limits.repeatsWindow)
    if (now !== generation) {
      previous = now === generation + 1 ? current : new KeySet()
      current = new KeySet()
      generation = now
    }
    if (record.key === undefined) return false
    const seen = current.get(record.key) ?? previous.get(record.key)
    current.put(record.key, record.timestamp)
    return seen !== undefined && record.timestamp - seen < limits.repeatsMs
  }

  return {
    isRepeat,
    /** Learns what a reader that goes on at `next` would have seen. */
    async load(log: Log, topic: string, partition: number, next: number): Promise<void> {
      let from = Math.max(0, (Math.floor(next / limits.repeatsWindow) - 1) * limits.repeatsWindow)
      generation = Math.floor(from / limits.repeatsWindow)
      while (from < next) {
        const records = await log.read(topic, partition, from, { maxRecords: next - from, maxBytes: 8 * 1024 * 1024 })
        if (records.length === 0) return
        // Where what was there has left the log, it goes on behind that, and further than was asked for.
        for (const record of records) if (record.offset < next) isRepeat(record)
        from = (records.at(-1)?.offset ?? next) + 1
      }
    },
  }
}

export type Repeats = ReturnType<typeof createRepeats>
