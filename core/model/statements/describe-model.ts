import { readChoice, readModel, readText, readVersion } from './clauses.ts'
import type { Reader } from './reader.ts'
import { aspects, type Aspect, type DescribeModel, type ShowModels } from './statement.ts'

/** What follows SHOW. */
export function readShowModels(reader: Reader): ShowModels {
  reader.expect('MODELS')
  if (!reader.accept('LIKE')) return { kind: 'show_models', like: undefined }
  return { kind: 'show_models', like: readText(reader, `a pattern in quotes ('churn%')`).value }
}

/** What follows DESCRIBE. */
export function readDescribeModel(reader: Reader): DescribeModel {
  reader.expect('MODEL')
  const model = readModel(reader)
  let version: number | undefined
  let aspect: Aspect = 'info'
  let { end } = model
  if (reader.acceptSign('.') !== undefined) {
    if (reader.peek().kind === 'number') {
      const found = readVersion(reader)
      version = found.value
      end = found.end
      if (reader.acceptSign('.') !== undefined) aspect = readChoice(reader, 'aspect', aspects)
    } else aspect = readChoice(reader, 'aspect', aspects)
  }
  return { kind: 'describe_model', model: { ...model, version, end }, aspect }
}
