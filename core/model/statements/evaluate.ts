import { readChoice, readSelect } from './clauses.ts'
import type { Reader } from './reader.ts'
import { metrics, type Evaluate } from './statement.ts'

/** What follows EVALUATE. */
export function readEvaluate(reader: Reader): Evaluate {
  const metric = readChoice(reader, 'metric', metrics)
  reader.expect('FROM')
  return { kind: 'evaluate', metric, from: readSelect(reader) }
}
