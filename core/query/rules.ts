import { Failure, type Violation } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import type { Statement } from './gate/gate.ts'
import type { ParameterRule } from './params.ts'
import { encodeValue } from './values.ts'

/** What is said of a parameter when a query is published. */
export interface DeclaredParameter {
  readonly name: string
  /** Empty, or as in the text. */
  readonly type: string
  readonly default: string | undefined
  readonly required: boolean
  readonly enum: readonly string[]
  readonly description: string
}

const maxEnum = 1_000

/** The parameters that the text has, with what is said of each. Fails where what is said does not fit the text. */
export function rulesOf(statement: Statement, declared: readonly DeclaredParameter[]): readonly ParameterRule[] {
  const wrong: Violation[] = []
  const names = statement.parameters.map(({ name }) => name)
  const said = new Map<string, DeclaredParameter>()
  for (const parameter of declared) {
    if (said.has(parameter.name)) wrong.push({ pointer: parameter.name, reason: 'is declared twice' })
    if (!names.includes(parameter.name))
      wrong.push({ pointer: parameter.name, reason: notInText(parameter.name, names) })
    said.set(parameter.name, parameter)
  }
  const rules = statement.parameters.map(({ name, type }): ParameterRule => {
    const parameter = said.get(name)
    if (parameter === undefined) return { name, type: type.text, required: false, enum: [], description: '' }
    const problem = problemOf(parameter, type)
    if (problem !== undefined) wrong.push({ pointer: name, reason: problem })
    return {
      name,
      type: type.text,
      ...(parameter.default === undefined ? {} : { default: parameter.default }),
      required: parameter.required,
      enum: parameter.enum,
      description: parameter.description,
    }
  })
  if (wrong.length === 0) return rules
  const detail = wrong.map(({ pointer, reason }) => `\`${pointer ?? ''}\` ${reason}`).join('; ')
  throw new Failure('query.parameter', `${detail}.`, { errors: wrong })
}

function problemOf(parameter: DeclaredParameter, type: Statement['parameters'][number]['type']): string | undefined {
  if (parameter.type !== '' && parameter.type.replaceAll(' ', '') !== type.text.replaceAll(' ', '')) {
    return `is ${type.text} in the text, not ${parameter.type}`
  }
  if (parameter.required && parameter.default !== undefined) return 'is required, so it cannot have a default'
  if (parameter.enum.length > maxEnum) return `can have ${maxEnum} values at most`
  const one = { ...type, array: false, text: type.value }
  for (const value of parameter.enum) {
    const encoded = encodeValue(one, value)
    if (!encoded.ok) return `has the value ${value.slice(0, 80)}, which ${encoded.reason}`
  }
  if (parameter.default === undefined) return undefined
  const encoded = encodeValue(type, parameter.default)
  if (!encoded.ok) return `has a default that ${encoded.reason}`
  if (parameter.enum.length > 0 && !type.array && !parameter.enum.includes(parameter.default)) {
    return 'has a default that is none of its values'
  }
  return undefined
}

function notInText(name: string, names: readonly string[]): string {
  const near = closest(name, names)
  return near === undefined ? 'is not in the text' : `is not in the text; did you mean \`${near}\``
}
