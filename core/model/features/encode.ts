import { closest } from '#mesh/closest.ts'
import { Failure } from '#mesh/errors.ts'
import type { Feature } from '../feature.ts'
import type { CategoryColumn, Column, Table } from '../table.ts'
import { featuresOf, partsOf } from './features-of.ts'
import type { CategoryInput, FeaturePlan, InputPlan } from './plan.ts'
import { asNumbers, asTexts, asTimes } from './views.ts'

/**
 * The features of a table's rows, of training or any others: the same numbers, to the bit, as the graph of
 * `addFeatures` makes of the same rows.
 */
export function encode(plan: FeaturePlan, table: Table): readonly Feature[] {
  const values = plan.inputs.flatMap((input) => encodeInput(input, columnOf(table, input.name)))
  return featuresOf(plan).map(({ name, labels }, at) => ({ name, values: values[at]!, ...(labels && { labels }) }))
}

function encodeInput(input: InputPlan, column: Column): readonly Float32Array[] {
  if (input.kind === 'number') return [new Float32Array(asNumbers(column).values)]
  if (input.kind === 'category') return [encodeCategory(input, asTexts(column))]
  const times = asTimes(column).values
  return partsOf(input.parts).map(({ of }) => new Float32Array(times.map((ms) => (Number.isNaN(ms) ? ms : of(ms)))))
}

function encodeCategory({ labels, other }: CategoryInput, column: CategoryColumn): Float32Array {
  const codes = new Map(labels.map((label, code) => [label, code]))
  const unseen = other ? labels.length : Number.NaN
  const moved = Float32Array.from(column.labels, (label) => codes.get(label) ?? unseen)
  const values = new Float32Array(column.codes.length).fill(Number.NaN)
  for (let row = 0; row < values.length; row++) {
    const code = column.codes[row]!
    if (code >= 0) values[row] = moved[code]!
  }
  return values
}

function columnOf(table: Table, name: string): Column {
  const column = table.columns.find((known) => known.name === name)
  if (column !== undefined) return column
  const near = closest(
    name,
    table.columns.map((known) => known.name),
  )
  throw new Failure('query.unknown_column', `The rows have no column \`${name}\`, which the model asks for.`, {
    hint: near === undefined ? 'Select it as well.' : `Is it \`${near}\`? Then select that AS \`${name}\`.`,
    errors: [{ pointer: name, reason: 'not a column of the rows' }],
  })
}
