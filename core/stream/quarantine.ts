import type { LogRecord } from '../storage/log.ts'

/** A refused row as the `_quarantine` stream holds it. The newest version of an id is what counts. */
export interface Quarantined {
  readonly id: string
  readonly stream: string
  /** When it was refused, in milliseconds since 1970. */
  readonly time: number
  readonly column: string
  readonly reason: string
  /** The row as it came. */
  readonly text: string
  readonly state: 'waiting' | 'replayed' | 'discarded'
  /** Grows with every change of state. */
  readonly version: number
}

export const quarantineStream = '_quarantine'

export function quarantineRecord(row: Quarantined): LogRecord {
  const value = JSON.stringify({ ...row, time: new Date(row.time).toISOString() })
  return { key: undefined, value, timestamp: Date.now() }
}
