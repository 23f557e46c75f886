import { hash, randomBytes } from 'node:crypto'
import type { LogRecord } from '../storage/log.ts'
import type { BadRow } from './judge.ts'

export interface QuarantinedRow {
  readonly id: string
  readonly stream: string
  /** `YYYY-MM-DDThh:mm:ss.fffZ`. */
  readonly time: string
  readonly column: string
  readonly reason: string
  readonly text: string
}

/** A refused row: one of a batch with an identity keeps its id when the batch is sent again. */
export function quarantined(
  stream: string,
  bad: BadRow,
  time: string,
  identity: Uint8Array | undefined,
): QuarantinedRow {
  const id = identity === undefined ? randomBytes(16).toString('hex') : Buffer.from(identity).toString('hex')
  return {
    id: `q_${id}`,
    stream,
    time,
    column: bad.column,
    // Half a surrogate pair would be an escape that the warehouse cannot read.
    reason: bad.reason.toWellFormed(),
    text: bad.text.toWellFormed(),
  }
}

/** The record of a refused row in a state. All records of a row are in one partition, so they stay in their order. */
export function quarantineRecord(
  row: QuarantinedRow,
  state: 'waiting' | 'replayed' | 'discarded',
  timestamp: number,
): LogRecord {
  const version = state === 'waiting' ? 1 : 2
  return {
    // A batch that is sent again does not bring its refused rows back.
    key: hash('sha256', `${row.id}\n${version}`, 'buffer').subarray(0, 16),
    value: JSON.stringify({ ...row, column: row.column.toWellFormed(), state, version }),
    timestamp,
  }
}

/** Where all records of the row go. */
export function quarantinePartition(id: string, partitions: number): number {
  return hash('sha256', id, 'buffer').readUInt32BE(0) % partitions
}
