import { Failure, type Violation } from '#mesh/errors.ts'
import { partsOf } from '#mesh/arrays.ts'
import { closest } from '#mesh/closest.ts'
import type { Statement, StatementParameter } from './gate/gate.ts'
import type { QueryLimits } from './limits.ts'
import { encodeValue } from './values.ts'

/** What is said of a parameter beyond its type. */
export interface ParameterRule {
  readonly name: string
  readonly type: string
  readonly default?: string
  readonly required: boolean
  readonly enum: readonly string[]
  readonly description: string
}

/** A text that can be sent, with its values. */
export interface Bound {
  readonly sql: string
  readonly params: Readonly<Record<string, string | null>>
}

/** Values by name, as the caller gave them, against the parameters of a statement. Failures name the parameter. */
export function bindParameters(
  statement: Statement,
  rules: ReadonlyMap<string, ParameterRule>,
  given: Readonly<Record<string, string>>,
  limits: QueryLimits,
): Bound {
  refuseUnknown(statement.parameters, given)
  const params: Record<string, string | null> = {}
  const absent = new Set<string>()
  const wrong: Violation[] = []
  const missing: string[] = []
  let bytes = 0
  for (const parameter of statement.parameters) {
    const { name, type } = parameter
    const rule = rules.get(name)
    const value = Object.hasOwn(given, name) ? given[name] : rule?.default
    if (value === undefined) {
      if (rule === undefined || rule.required) missing.push(`${name} (${type.text})`)
      absent.add(name)
      params[name] = type.array ? '[]' : null
      continue
    }
    bytes += Buffer.byteLength(value)
    const encoded = encodeValue(type, value)
    if (!encoded.ok) wrong.push({ pointer: name, reason: encoded.reason })
    else if (rule !== undefined && !isOneOf(rule, type.array, value)) {
      wrong.push({ pointer: name, reason: `must be one of ${rule.enum.slice(0, 20).join(', ')}` })
    } else params[name] = encoded.text
  }
  if (missing.length > 0) throw missingParameters(missing)
  if (wrong.length > 0) throw wrongParameters(wrong)
  if (bytes > limits.maxParameterBytes) {
    throw new Failure('request.too_large', `The parameters have ${limits.maxParameterBytes} bytes together at most.`)
  }
  return { sql: nullable(statement, absent), params }
}

/** The text, where the absent parameters are of a type that has NULL. */
function nullable(statement: Statement, absent: ReadonlySet<string>): string {
  let sql = ''
  let at = 0
  for (const { name, type, start, end } of statement.places) {
    const widen = absent.has(name) && !type.array && !type.nullable
    sql +=
      statement.sql.slice(at, start) + (widen ? `{${name}:Nullable(${type.value})}` : statement.sql.slice(start, end))
    at = end
  }
  return sql + statement.sql.slice(at)
}

function refuseUnknown(parameters: readonly StatementParameter[], given: Readonly<Record<string, string>>): void {
  const names = parameters.map(({ name }) => name)
  const unknown = Object.keys(given).filter((name) => !names.includes(name))
  const [first] = unknown
  if (first === undefined) return
  const near = closest(first, names)
  const all = names.length === 0 ? 'It has no parameters.' : `It has ${names.join(', ')}.`
  throw new Failure('request.unknown_parameter', `The query has no parameter \`${first.slice(0, 80)}\`.`, {
    hint: near === undefined ? all : `Did you mean \`${near}\`?`,
    errors: unknown.slice(0, 10).map((name) => ({ pointer: name.slice(0, 80), reason: 'unknown parameter' })),
  })
}

function isOneOf(rule: ParameterRule, array: boolean, value: string): boolean {
  if (rule.enum.length === 0 || rule.enum.includes(value)) return true
  return array && (partsOf(value) ?? []).every((part) => rule.enum.includes(part))
}

function missingParameters(missing: readonly string[]): Failure {
  return new Failure('request.missing_parameter', `Missing: ${missing.join(', ')}.`, {
    hint: `Give ${missing.length === 1 ? 'it' : 'them'} a value.`,
    errors: missing.map((name) => ({ pointer: name.replace(/ \(.*$/, ''), reason: 'is required' })),
  })
}

function wrongParameters(wrong: readonly Violation[]): Failure {
  const detail = wrong.map(({ pointer, reason }) => `\`${pointer ?? ''}\` ${reason}`).join('; ')
  return new Failure('query.parameter', `${detail}.`, { errors: wrong })
}
