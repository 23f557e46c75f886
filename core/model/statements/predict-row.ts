import { readEnd, readModelVersion, readName } from './clauses.ts'
import type { GivenFeature, Literal, Output, PredictRow } from './model-read.ts'
import type { Reader } from './reader.ts'
import { readValue } from './values.ts'

/** One prediction: see PredictRow. */
export function readPredictRow(reader: Reader): PredictRow {
  const explain = reader.accept('EXPLAIN')
  reader.expect('SELECT')
  const outputs: Output[] = []
  do outputs.push(readOutput(reader))
  while (reader.acceptSign(',') !== undefined)
  reader.expect('FROM')
  const model = readModelVersion(reader)
  const features = reader.accept('WHERE') ? readFeatures(reader) : []
  return { kind: 'predict_row', explain, model, outputs, features, format: readEnd(reader) }
}

function readOutput(reader: Reader): Output {
  const all = reader.acceptSign('*')
  if (all !== undefined) return { column: undefined, as: undefined, start: all.start, end: all.end }
  const column = readName(reader, 'the name of an output')
  const as = reader.accept('AS') ? readName(reader) : undefined
  return { column, as, start: column.start, end: (as ?? column).end }
}

function readFeatures(reader: Reader): readonly GivenFeature[] {
  const features = new Map<string, GivenFeature>()
  do {
    const feature = readName(reader, 'the name of a feature')
    if (features.has(feature.name)) {
      throw reader.failure(feature, `\`${feature.name.slice(0, 64)}\` is given twice.`)
    }
    features.set(feature.name, { feature, value: readAnswer(reader) })
  } while (reader.accept('AND'))
  return [...features.values()]
}

/** `= literal`, or `IS NULL`. */
function readAnswer(reader: Reader): Literal {
  const { start } = reader.peek()
  if (reader.accept('IS')) {
    const { end } = reader.peek()
    reader.expect('NULL')
    return { value: null, start, end }
  }
  if (reader.acceptSign('==') === undefined) reader.expectSign('=')
  return readLiteral(reader)
}

function readLiteral(reader: Reader): Literal {
  const { start, end } = reader.peek()
  if (reader.accept('NULL')) return { value: null, start, end }
  if (reader.acceptSign('{') !== undefined) return readParameter(reader, start)
  const { value, ...span } = readValue(reader, maxDepth)
  if (typeof value === 'object') throw reader.failure(span, 'A feature is one value.')
  return { value, ...span }
}

/** No lists. */
const maxDepth = 2

function readParameter(reader: Reader, start: number): Literal {
  const { name } = readName(reader, 'the name of a parameter')
  reader.expectSign(':')
  const type: string[] = []
  for (;;) {
    const close = reader.acceptSign('}')
    if (close !== undefined) return { parameter: name, type: type.join(''), start, end: close.end }
    if (reader.peek().kind === 'end') throw reader.unexpected()
    type.push(reader.next().text)
  }
}
