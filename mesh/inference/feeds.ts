import { InputType, type Signature } from '#proto/edgewise/model/v1/signature_pb.ts'
import { closest } from '../closest.ts'
import type { Violation } from '../errors.ts'
import { columnOf, type Fit } from './columns.ts'
import type { Tensor } from './tensor.ts'

export const maxRows = 1_000
const maxProblems = 20

/** Something that the model has an answer for, but never learned. One for each feature and kind. */
export interface Warning {
  readonly code: Exclude<Fit, 'fits' | 'wrong'>
  readonly feature: string
  /** How many rows, and a JSON pointer (RFC 6901) to the first. */
  readonly rows: number
  readonly pointer: string
}

/** Rows as the tensors of one call, or what is wrong with them. */
export type Fed =
  | { readonly feeds: readonly Tensor[]; readonly warnings: readonly Warning[] }
  | { readonly problems: readonly Violation[] }

export type Feeder = (rows: readonly unknown[]) => Fed

const wanted = new Map<InputType, string>([
  [InputType.NUMBER, 'must be a number, or a text that is one'],
  [InputType.CATEGORY, 'must be a text'],
  [InputType.TIME, 'must be a time of ISO 8601, or seconds or milliseconds since 1970'],
])

/**
 * How rows of JSON become what a model takes. An unknown feature and a wrong type are problems. A feature that is left out
 * (a blank text and null mean that too), a label never seen and a number outside of what was seen are answered: the model
 * has a way for each, and a warning says so; of a missing feature only if training saw none missing.
 */
export function createFeeder({ inputs }: Pick<Signature, 'inputs'>): Feeder {
  const positions = new Map(inputs.map(({ name }, at) => [name, at]))
  const columns = inputs.map((input) => columnOf(input))

  return (rows) => {
    if (rows.length < 1 || rows.length > maxRows) {
      return { problems: [{ pointer: '/rows', reason: `must be 1 to ${maxRows} rows` }] }
    }
    const problems: Violation[] = []
    const warnings: Record<string, Warning> = {}
    const warn = (code: Warning['code'], feature: string, row: number): void => {
      const { rows: before = 0, pointer = pointerTo(row, feature) } = warnings[`${code} ${feature}`] ?? {}
      warnings[`${code} ${feature}`] = { code, feature, rows: before + 1, pointer }
    }
    const feeds = columns.map((column) => column.begin(rows.length))
    const present = inputs.map(() => 0)

    for (const [row, cells] of rows.entries()) {
      if (problems.length >= maxProblems) break
      if (typeof cells !== 'object' || cells === null || Array.isArray(cells)) {
        problems.push({ pointer: `/rows/${row}`, reason: 'must be an object of features' })
        continue
      }
      for (const name of Object.keys(cells)) {
        const cell = (cells as Readonly<Record<string, unknown>>)[name]
        const at = positions.get(name)
        if (at === undefined) {
          problems.push({ pointer: pointerTo(row, name), reason: notThere(name, positions.keys()) })
          if (problems.length >= maxProblems) break
          continue
        }
        const fit = columns[at]!.put(feeds[at]!, row, cell)
        if (fit === 'wrong')
          problems.push({ pointer: pointerTo(row, name), reason: wanted.get(inputs[at]!.type) ?? '' })
        if (fit === 'out_of_range' || fit === 'unknown_label') warn(fit, name, row)
        if (fit !== 'missing') present[at]!++
      }
    }
    if (problems.length > 0) return { problems: problems.slice(0, maxProblems) }

    for (const [at, { name, missingSeen }] of inputs.entries()) {
      if (missingSeen || present[at] === rows.length) continue
      for (let row = 0; row < rows.length; row++)
        if (columns[at]!.isMissing(feeds[at]!, row)) warn('missing', name, row)
    }
    return { feeds, warnings: Object.values(warnings) }
  }
}

function notThere(name: string, known: Iterable<string>): string {
  const near = closest(name, known)
  return `is not a feature of the model${near === undefined ? '' : `; did you mean \`${near}\`?`}`
}

/** RFC 6901. */
function pointerTo(row: number, feature: string): string {
  return `/rows/${row}/${feature.replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 200)}`
}
