import { readModel, readShare, readVersion } from './clauses.ts'
import { readInterval, unitsMs } from './interval.ts'
import type { Reader } from './reader.ts'
import type { SetLive, SetLog, SetWatch } from './statement.ts'

/** What follows SET. */
export function readSetModel(reader: Reader): SetLive | SetLog | SetWatch {
  reader.expect('MODEL')
  const model = readModel(reader)
  if (reader.accept('WATCH EVERY'))
    return { kind: 'set_watch', model, everyMs: readInterval(reader, every(model.name)) }
  if (reader.accept('LOG')) return { kind: 'set_log', model, share: readShare(reader) }
  reader.expect('LIVE')
  return { kind: 'set_live', model, version: readVersion(reader).value }
}

function every(model: string) {
  return {
    units: ['SECONDS', 'MINUTES', 'HOURS', 'DAYS', 'WEEKS'],
    minMs: 10 * unitsMs.SECONDS,
    maxMs: 4 * unitsMs.WEEKS,
    hint: `To watch no more: DROP WATCH FOR MODEL ${model}.`,
  } as const
}
