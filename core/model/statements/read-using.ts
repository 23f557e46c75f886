import { closest } from '#mesh/closest.ts'
import type { Failure } from '#mesh/errors.ts'
import { readName } from './clauses.ts'
import { optionNames, options, type OptionName } from './options.ts'
import type { Reader } from './reader.ts'
import type { Name, Span, Using } from './statement.ts'
import { readValue } from './values.ts'

/** What other libraries call the same. */
const synonyms: Readonly<Record<string, OptionName>> = {
  eta: 'learning_rate',
  iterations: 'rounds',
  max_depth: 'depth',
  max_bin: 'bins',
  n_clusters: 'k',
  n_estimators: 'rounds',
  num_trees: 'rounds',
  random_state: 'seed',
  reg_alpha: 'l1',
  reg_lambda: 'l2',
  test_size: 'holdout',
  timeout: 'time_limit',
  trees: 'rounds',
}

/** What has a clause of its own. */
const clauses: Readonly<Record<string, string>> = {
  horizon: 'HORIZON n',
  window: 'WINDOW n',
  target: 'PREDICT target',
  predict: 'PREDICT target',
  order_by: 'ORDER BY t',
  group_by: 'GROUP BY k',
}

export const noUsing: Using = { options: {}, spans: {} }

/** `option = value, …`, each known and within its bounds. */
export function readUsing(reader: Reader): Using {
  const given: Record<string, unknown> = {}
  const spans: Partial<Record<OptionName, Span>> = {}
  do {
    const written = readName(reader, 'the name of an option')
    const name = optionNames.find((name) => name === written.name.toLowerCase())
    if (name === undefined) throw unknownOption(reader, written)
    if (spans[name] !== undefined) throw reader.failure(written, `\`${name}\` is given twice.`)
    reader.expectSign('=')
    const { value, start, end } = readValue(reader)
    const { says, read } = options[name].type
    const meant = read(value)
    if (meant === undefined) throw reader.failure({ start }, `\`${name}\` must be ${says}.`, nearChoice(name, value))
    given[name] = meant
    spans[name] = { start, end }
  } while (reader.acceptSign(',') !== undefined)
  return { options: given, spans }
}

function nearChoice(name: OptionName, value: unknown): string | undefined {
  const { type } = options[name]
  const near = 'choices' in type && typeof value === 'string' ? closest(value, type.choices) : undefined
  return near === undefined ? undefined : `Did you mean '${near}'?`
}

function unknownOption(reader: Reader, written: Name): Failure {
  const name = written.name.toLowerCase()
  const clause = Object.hasOwn(clauses, name) ? clauses[name] : undefined
  const near = Object.hasOwn(synonyms, name) ? synonyms[name] : closest(name, optionNames)
  const all = `There are ${optionNames.join(', ')}.`
  const hint = near === undefined ? all : `Did you mean \`${near}\`?`
  return reader.failure(
    written,
    `There is no option \`${written.name.slice(0, 64)}\`.`,
    clause === undefined ? hint : `Write ${clause} before USING.`,
  )
}
