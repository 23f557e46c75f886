import { closest } from '#mesh/closest.ts'
import { readEnd, readModelVersion, readName, readSelect } from './clauses.ts'
import type { Output, PredictRows, RowsOutput } from './model-read.ts'
import { isWord, type Reader } from './reader.ts'
import type { Name } from './statement.ts'

/** A prediction for every row of a SELECT: see PredictRows. */
export function readPredictRows(reader: Reader): PredictRows {
  const explain = reader.accept('EXPLAIN')
  reader.expect('SELECT')
  const items: Item[] = []
  do items.push(readItem(reader))
  while (reader.acceptSign(',') !== undefined)
  reader.expect('FROM')
  const from = readSelect(reader)
  reader.expect('AS')
  const rows = readName(reader, 'an alias')
  reader.expect('JOIN')
  const model = readModelVersion(reader)
  const alias = reader.accept('AS') ? readName(reader, 'an alias') : model
  if (alias.name === rows.name) {
    throw reader.failure(alias, 'The rows and the model need two names.', 'Give the model another alias.')
  }
  refuseRest(reader)
  const format = readEnd(reader)
  const outputs = items.map((item) => outputOf(reader, item, rows.name, alias.name))
  return { kind: 'predict_rows', explain, model, from, outputs, format }
}

interface Item extends Output {
  /** The alias before the dot. */
  readonly of: Name
}

function readItem(reader: Reader): Item {
  const of = readName(reader, 't.*, t.column or m.target')
  if (reader.acceptSign('.') === undefined) {
    throw reader.failure(
      reader.peek(),
      `Beside a model, each column says whose it is: \`t.${of.name.slice(0, 48)}\`, or \`m.${of.name.slice(0, 48)}\`.`,
    )
  }
  const all = reader.acceptSign('*')
  if (all !== undefined) return { of, column: undefined, as: undefined, start: of.start, end: all.end }
  const column = readName(reader, 'the name of a column')
  const as = reader.accept('AS') ? readName(reader) : undefined
  return { of, column, as, start: of.start, end: (as ?? column).end }
}

function outputOf(reader: Reader, { of, ...output }: Item, rows: string, model: string): RowsOutput {
  if (of.name === rows) return { ...output, of: 'rows' }
  if (of.name === model) return { ...output, of: 'model' }
  const near = closest(of.name, [rows, model])
  const hint = near === undefined ? `There are \`${rows}\` and \`${model}\`.` : `Did you mean \`${near}\`?`
  throw reader.failure(of, `There is no \`${of.name.slice(0, 64)}\` here.`, hint)
}

const clauses = ['WHERE', 'PREWHERE', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'QUALIFY', 'WINDOW']

function refuseRest(reader: Reader): void {
  const token = reader.peek()
  if (isWord(token, 'ON') || isWord(token, 'USING')) {
    const detail = `A model is joined without ${token.text.toUpperCase()}: it finds its features among the columns by name.`
    throw reader.failure(token, detail)
  }
  if (!clauses.some((clause) => isWord(token, clause))) return
  const detail = `${token.text.toUpperCase()} cannot follow a model.`
  throw reader.failure(
    token,
    detail,
    'Put it inside the parentheses: it then holds for the rows that are predicted for.',
  )
}
