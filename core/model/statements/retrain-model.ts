import { readModel, readSelect } from './clauses.ts'
import { readInterval, unitsMs } from './interval.ts'
import type { Reader } from './reader.ts'
import { noUsing, readUsing } from './read-using.ts'
import type { Part, RetrainModel } from './statement.ts'

/** What follows RETRAIN. */
export function readRetrainModel(reader: Reader): RetrainModel {
  reader.accept('MODEL')
  const model = readModel(reader)
  let from: Part | undefined
  let everyMs: number | undefined
  for (;;) {
    if (from === undefined && reader.accept('FROM')) from = readSelect(reader)
    else if (everyMs === undefined && reader.accept('EVERY')) everyMs = readInterval(reader, every(model.name))
    else break
  }
  const using = reader.accept('USING') ? readUsing(reader) : noUsing
  return { kind: 'retrain_model', model, from, everyMs, ...using }
}

function every(model: string) {
  return {
    units: ['MINUTES', 'HOURS', 'DAYS', 'WEEKS'],
    minMs: 5 * unitsMs.MINUTES,
    maxMs: 52 * unitsMs.WEEKS,
    hint: `To end a schedule: DROP SCHEDULE FOR MODEL ${model}.`,
  } as const
}
