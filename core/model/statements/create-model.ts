import { checkClauses, type Clause } from './check-clauses.ts'
import { readInteger, readModel, readName, readNames, readSelect, refuseMore } from './clauses.ts'
import type { Reader } from './reader.ts'
import { noUsing, readUsing } from './read-using.ts'
import type { CreateModel, Name, Span } from './statement.ts'

const column = 'the name of a column'
const maxWindow = 100_000
const maxHorizon = 10_000

/** What follows CREATE. The clauses after FROM come in any order, each once, and USING last. */
export function readCreateModel(reader: Reader): CreateModel {
  const replace = reader.peek()
  const orReplace = reader.accept('OR REPLACE')
  reader.expect('MODEL')
  const ifNotExists = reader.accept('IF NOT EXISTS')
  if (orReplace && ifNotExists) {
    throw reader.failure(replace, 'OR REPLACE and IF NOT EXISTS exclude each other.', 'Leave one of them out.')
  }
  const model = readModel(reader)
  reader.expect('FROM')
  const from = readSelect(reader)
  const { spans, ...clauses } = readClauses(reader)
  const using = reader.accept('USING') ? readUsing(reader) : noUsing
  refuseMore(reader)
  const { engine } = using.options
  checkClauses(reader.sql, { end: { start: from.end + 1 }, given: spans, engine, using })
  return { kind: 'create_model', model, orReplace, ifNotExists, from, ...clauses, ...using }
}

function readClauses(reader: Reader) {
  let predict: Name | undefined
  let orderBy: Name | undefined
  let groupBy: readonly Name[] = []
  let window: number | undefined
  let horizon: number | undefined
  const spans = new Map<Clause, Span>()
  const begins = (clause: Clause): boolean => {
    if (spans.has(clause)) return false
    const { start, end } = reader.peek()
    const found = reader.accept(clause)
    if (found) spans.set(clause, { start, end })
    return found
  }
  for (;;) {
    if (begins('PREDICT')) predict = readName(reader, column)
    else if (begins('ORDER BY')) {
      orderBy = readName(reader, column)
      reader.accept('ASC')
    } else if (begins('GROUP BY')) groupBy = readNames(reader, column)
    else if (begins('WINDOW')) window = readInteger(reader, 'a number of rows', 1, maxWindow).value
    else if (begins('HORIZON')) horizon = readInteger(reader, 'a number of steps', 1, maxHorizon).value
    else return { predict, orderBy, groupBy, window, horizon, spans }
  }
}
