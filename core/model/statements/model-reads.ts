import { mentionsOf } from './mentions.ts'
import { forms, type ModelRead } from './model-read.ts'
import { syntaxFailure } from './place.ts'
import { readPredictRow } from './predict-row.ts'
import { readPredictRows } from './predict-rows.ts'
import { createReader } from './reader.ts'

/**
 * The prediction that a SELECT asks for; undefined where it reads no model, as far as its words tell, and belongs to the
 * warehouse's gate. A model in any other place of a table is refused. Of a prediction the engine sees nothing but the
 * SELECT in the parentheses, which the gate judges: `JOIN model` without ON is no SQL of its own.
 */
export function modelReads(sql: string, isModel: (name: string) => boolean): ModelRead | undefined {
  const [mention, second] = mentionsOf(sql, isModel)
  if (mention === undefined) return undefined
  if (second !== undefined) throw syntaxFailure(sql, second.token, 'A query can read one model only.', forms)
  const { token, joined, depth } = mention
  if (depth > 0) {
    throw syntaxFailure(sql, token, `The model \`${token.value}\` cannot be read inside a subquery.`, forms)
  }
  const reader = createReader(sql, forms)
  return joined ? readPredictRows(reader) : readPredictRow(reader)
}
