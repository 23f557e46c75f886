import type { StatementParameter } from '../gate/gate.ts'
import type { ParameterRule } from '../params.ts'

const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  0: '\0',
}

type Values = Readonly<Record<string, string>>

/**
 * Values of `param_*` as the public API takes them: they come in the escaping of tab-separated text, arrays in brackets
 * with their texts in single quotes. What no parameter is called is left out, as ClickHouse does.
 */
export function plainValues(parameters: readonly StatementParameter[], given: Values): Values {
  const values = parameters.flatMap(({ name, type }) => {
    const value = valueOf(given, name)
    return value === undefined || value === null
      ? []
      : [[name, type.array ? arrayOf(value) : unescaped(value)] as const]
  })
  return Object.fromEntries(values)
}

/** Those that are NULL need not be given. */
export function nullRules(
  parameters: readonly StatementParameter[],
  given: Values,
): ReadonlyMap<string, ParameterRule> {
  const nulls = parameters.filter(({ name }) => valueOf(given, name) === null)
  return new Map(
    nulls.map(({ name, type }) => [name, { name, type: type.text, required: false, enum: [], description: '' }]),
  )
}

function valueOf(given: Values, name: string): string | null | undefined {
  const value = Object.hasOwn(given, name) ? given[name] : undefined
  return value === '\\N' ? null : value
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter)
}

const element = /\s*(?:'((?:[^'\\]|\\.)*)'|([^\s',[\]]+))\s*(,|\]$)/sy

/** As JSON; what is not written as ClickHouse writes arrays stays as it is, for whoever reads it next to refuse. */
function arrayOf(text: string): string {
  const list = text.trim()
  if (!list.startsWith('[')) return text
  if (/^\[\s*\]$/.test(list)) return '[]'
  const parts: (string | null)[] = []
  element.lastIndex = 1
  for (;;) {
    const found = element.exec(list)
    if (found === null) return text
    const [, quoted, bare = '', end] = found
    parts.push(quoted === undefined ? bare : unescaped(quoted))
    if (end !== ',') return JSON.stringify(parts)
  }
}
