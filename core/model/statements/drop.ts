import { readModel, readModelVersion } from './clauses.ts'
import type { Reader } from './reader.ts'
import type { DropModel, DropSchedule } from './statement.ts'

/** What follows DROP. */
export function readDrop(reader: Reader): DropModel | DropSchedule {
  if (reader.accept('SCHEDULE')) {
    const ifExists = reader.accept('IF EXISTS')
    reader.expect('FOR MODEL')
    return { kind: 'drop_schedule', ifExists, model: readModel(reader) }
  }
  reader.expect('MODEL')
  return { kind: 'drop_model', ifExists: reader.accept('IF EXISTS'), model: readModelVersion(reader) }
}
