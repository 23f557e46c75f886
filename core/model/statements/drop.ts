import { readModel, readModelVersion } from './clauses.ts'
import type { Reader } from './reader.ts'
import type { DropModel, DropSchedule, DropWatch } from './statement.ts'

/** What follows DROP. */
export function readDrop(reader: Reader): DropModel | DropSchedule | DropWatch {
  const of = reader.accept('SCHEDULE') ? 'schedule' : reader.accept('WATCH') ? 'watch' : undefined
  if (of !== undefined) {
    const ifExists = reader.accept('IF EXISTS')
    reader.expect('FOR MODEL')
    return { kind: `drop_${of}`, ifExists, model: readModel(reader) }
  }
  reader.expect('MODEL')
  return { kind: 'drop_model', ifExists: reader.accept('IF EXISTS'), model: readModelVersion(reader) }
}
