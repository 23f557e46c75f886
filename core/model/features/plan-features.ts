import { Failure } from '#mesh/errors.ts'
import type { Column, Table } from '../table.ts'
import type { Task } from './detect-task.ts'
import { findDuplicate } from './find-duplicate.ts'
import { findIdNumber, findIdText } from './find-identifier.ts'
import { findLeak } from './find-leak.ts'
import { describeNumbers } from './describe-numbers.ts'
import { isNumericText } from './numeric-text.ts'
import { outputsOf } from './outputs-of.ts'
import type { FeaturePlan, InputPlan, Note } from './plan.ts'
import { planCategory, planNumber, planTime } from './plan-inputs.ts'
import { planTarget, type Target } from './plan-target.ts'
import { takeRows } from './take-rows.ts'
import { asNumbers, asTexts, asTimes } from './views.ts'

export interface PlanOptions {
  readonly target?: string
  /** Else by `detectTask`. */
  readonly task?: Task
  /** Columns that are no features, as those of ORDER BY and GROUP BY. */
  readonly ignore?: readonly string[]
  /** Columns that are used whatever is found in them. */
  readonly keep?: readonly string[]
  /** Texts of a category that are told apart. */
  readonly maxLabels?: number
}

const kinds = ['number', 'category', 'time']

/**
 * How the columns of a table predict its target: which are used and as what, and which are not and why. A row without a
 * target counts for nothing.
 * Errors: model.no_rows, model.target_missing, model.one_class, model.too_many_classes, model.no_features.
 */
export function planFeatures(table: Table, options: PlanOptions = {}): FeaturePlan {
  const { ignore = [], keep = [], maxLabels = 64 } = options
  if (table.rows === 0) throw new Failure('model.no_rows', 'The SELECT answers no rows.')
  const goal = options.target === undefined ? undefined : planTarget(table, options.target, options.task)
  const { used, target } = withTarget(table, goal)
  const dropped = table.rows - used.rows
  const notes: Note[] = [...(goal?.notes ?? [])]
  if (goal !== undefined && dropped > 0) {
    notes.push({ column: goal.plan.name, finding: `missing in ${dropped} rows`, action: 'those rows are left out' })
  }
  const inputs: InputPlan[] = []
  const views: Column[] = []
  for (const column of used.columns) {
    if (column.name === goal?.plan.name || ignore.includes(column.name)) continue
    const view = viewOf(column)
    const found = find(column, view, target, views)
    const kept = keep.includes(column.name) && !isEmpty(view)
    if (found !== undefined) {
      notes.push({ column: column.name, finding: found, action: kept ? 'used, as was asked' : 'left out' })
      if (!kept) continue
    }
    if (view.kind === 'number') notes.push(...describeNumbers(column, view, target))
    const [input, said] = planInput(view, maxLabels)
    inputs.push(input)
    notes.push(...said)
    views.push(view)
  }
  if (inputs.length === 0) throw nothingLeft(notes)
  checkNames(inputs, outputsOf(goal?.plan))
  inputs.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))
  return { ...(goal && { target: goal.plan }), inputs, notes, rows: used.rows, dropped }
}

function withTarget(table: Table, target: Target | undefined): { used: Table; target: Target | undefined } {
  if (target === undefined || !target.values.some(Number.isNaN)) return { used: table, target }
  const known = Int32Array.from(target.values.keys()).filter((row) => !Number.isNaN(target.values[row]))
  const values = Float64Array.from(known, (row) => target.values[row]!)
  return { used: takeRows(table, known), target: { ...target, values } }
}

function viewOf(column: Column): Column {
  if (column.kind === 'time') return asTimes(column)
  return column.kind === 'category' && !isNumericText(column) ? asTexts(column) : asNumbers(column)
}

/** Why a column is of no use, if it is not: the first reason, the plainest first. */
function find(column: Column, view: Column, target: Target | undefined, before: readonly Column[]): string | undefined {
  return (
    (column.name.startsWith('_') ? 'the system’s, by its name' : undefined) ??
    (isEmpty(view) ? 'missing in every row' : undefined) ??
    (isConstant(view) ? 'the same in every row' : undefined) ??
    (target && findLeak(view, target)) ??
    (column.kind === 'category' ? findIdText(column) : undefined) ??
    (view.kind === 'number' ? findIdNumber(view) : undefined) ??
    findDuplicate(view, before)
  )
}

function isEmpty(view: Column): boolean {
  return view.kind === 'category' ? view.codes.every((code) => code < 0) : view.values.every(Number.isNaN)
}

/** One value, as the model sees it, and that in every row: where some are missing, that says something. */
function isConstant(view: Column): boolean {
  if (view.kind === 'category') return view.codes.every((code) => code === view.codes[0])
  const seen = view.kind === 'number' ? Math.fround : Number
  const first = seen(view.values[0]!)
  return view.values.every((value) => seen(value) === first)
}

function planInput(view: Column, maxLabels: number): [InputPlan, readonly Note[]] {
  if (view.kind === 'number') return [planNumber(view), []]
  return view.kind === 'category' ? planCategory(view, maxLabels) : [planTime(view), []]
}

/** In a graph no two things have one name. */
function checkNames(inputs: readonly InputPlan[], outputs: ReturnType<typeof outputsOf>): void {
  const taken = inputs.find(({ name }) => outputs.some((output) => output.name === name))?.name
  if (taken === undefined) return
  throw new Failure('request.invalid', `\`${taken}\` is what the model calls its answer.`, {
    hint: 'Select it AS another name.',
    errors: [{ pointer: taken, reason: 'is the name of an output' }],
  })
}

function nothingLeft(notes: readonly Note[]): Failure {
  const left = notes.filter(({ action }) => action === 'left out')
  const reasons = left.slice(0, 5).map(({ column, finding }) => `\`${column}\`: ${finding}`)
  const detail = reasons.length === 0 ? 'The SELECT answers the target alone.' : `Of no use are ${reasons.join('; ')}.`
  return new Failure('model.no_features', detail, {
    errors: left.map(({ column, finding }) => ({ pointer: column, reason: finding })),
  })
}
