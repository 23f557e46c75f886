import { closest } from '#mesh/closest.ts'
import { Failure } from '#mesh/errors.ts'
import type { Column, Table } from '../table.ts'
import { detectTask, type Task } from './detect-task.ts'
import { countLabels, isNumericText } from './numeric-text.ts'
import type { Note, TargetPlan } from './plan.ts'
import { asNumbers, asTexts } from './views.ts'

export const maxClasses = 100
/** Fewer are hardly learnt, and some folds have none. */
const fewRows = 10

export interface Target {
  readonly plan: TargetPlan
  /** One a row, NaN where it is missing; of a class its place in the plan's labels. */
  readonly values: Float64Array
  readonly notes: readonly Note[]
}

/**
 * What is predicted, and its values. Classes are in order: numbers by size, texts by their code units.
 * Errors: model.no_rows, model.target_missing, model.one_class, model.too_many_classes.
 */
export function planTarget(table: Table, name: string, task?: Task): Target {
  const column = table.columns.find((known) => known.name === name)
  if (column === undefined) throw missing(table, name)
  const target = (task ?? detectTask(column)) === 'regression' ? planNumber(column) : planClasses(column)
  if (target.values.every(Number.isNaN)) {
    throw refuse('model.no_rows', name, `\`${name}\` is missing in all ${table.rows} rows.`, 'missing in every row')
  }
  return target
}

/** The target of rows that a plan knows; NaN where it is missing, or a class that was not in training. */
export function targetOf({ name, ...plan }: TargetPlan, table: Table): Float64Array {
  const column = table.columns.find((known) => known.name === name)
  if (column === undefined) throw missing(table, name)
  return plan.task === 'regression' ? numbersOf(column) : codesIn(column, plan.labels)
}

function planNumber(column: Column): Target {
  const { name } = column
  const values = numbersOf(column)
  const first = values.find((value) => !Number.isNaN(value))
  if (first !== undefined && values.every((value) => Number.isNaN(value) || value === first)) {
    throw refuse('model.one_class', name, `\`${name}\` is ${first} wherever it is known.`, 'does not vary')
  }
  return { plan: { name, task: 'regression' }, values, notes: [] }
}

function planClasses(column: Column): Target {
  const { name } = column
  const texts = asTexts(classColumn(column))
  const counts = countLabels(texts.codes, texts.labels.length)
  const labels = texts.labels.filter((_, code) => counts[code]! > 0)
  if (labels.length > maxClasses) {
    const found = `\`${name}\` has ${labels.length} classes; at most ${maxClasses} can be told apart.`
    throw refuse('model.too_many_classes', name, found, `has ${labels.length} classes`)
  }
  if (labels.length === 1) {
    throw refuse('model.one_class', name, `\`${name}\` is \`${labels[0]}\` wherever it is known.`, 'does not vary')
  }
  if (column.kind === 'category') labels.sort((a, b) => (a < b ? -1 : 1))
  else labels.sort((a, b) => Number(a) - Number(b))
  const rare = texts.labels.filter((_, code) => counts[code]! > 0 && counts[code]! < fewRows)
  return {
    plan: { name, task: 'classification', labels },
    values: codesIn(column, labels),
    notes: rare.map((label) => ({
      column: name,
      finding: `only ${counts[texts.labels.indexOf(label)]} rows are \`${label}\``,
      action: 'kept; hardly to be learnt',
    })),
  }
}

/** A number, as what is predicted: a time is its milliseconds. */
function numbersOf(column: Column): Float64Array {
  if (column.kind === 'category' && !isNumericText(column)) {
    const found = `\`${column.name}\` is text, so it can be a class but not a number.`
    throw refuse('request.invalid', column.name, found, 'must be a number')
  }
  return asNumbers(column.kind === 'time' ? { ...column, kind: 'number' } : column).values
}

function codesIn(column: Column, labels: readonly string[]): Float64Array {
  const texts = asTexts(classColumn(column))
  const places = texts.labels.map((label) => labels.indexOf(label)).map((place) => (place < 0 ? Number.NaN : place))
  return Float64Array.from(texts.codes, (code) => (code < 0 ? Number.NaN : places[code]!))
}

/** Infinities are no class. */
function classColumn(column: Column): Column {
  return column.kind === 'number' ? asNumbers(column) : column
}

function missing(table: Table, name: string): Failure {
  const names = table.columns.map((column) => column.name)
  const near = closest(name, names)
  return new Failure('model.target_missing', `The SELECT does not answer a column \`${name}\`.`, {
    hint: near === undefined ? `PREDICT one of ${names.slice(0, 20).join(', ')}.` : `Did you mean \`${near}\`?`,
    errors: [{ pointer: name, reason: 'not a column of the result' }],
  })
}

function refuse(problem: Failure['problem'], pointer: string, detail: string, reason: string): Failure {
  return new Failure(problem, detail, { errors: [{ pointer, reason }] })
}
