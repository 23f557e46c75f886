import type { MessageInitShape } from '@bufbuild/protobuf'
import { Failure, type Violation } from '#mesh/errors.ts'
import type { CallQueryRequestSchema, Format, Parameter } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Session } from '../auth/sessions.ts'
import { closest } from '#mesh/closest.ts'
import type { Description } from './descriptions.ts'

/** One call of a published query, in the one form in which it can be compared with others. */
export interface Question {
  /** Workspace, bound parameters, filters and personal data of the actor, query, version, format, time zone, integers, parameters. */
  readonly key: string
  readonly workspace: string
  readonly description: Description
  readonly cacheable: boolean
  readonly call: MessageInitShape<typeof CallQueryRequestSchema>
}

/** What a request asks, not yet checked against the query. */
export interface Asked {
  readonly format: Format
  readonly timezone: string
  readonly int64AsString: boolean
  /** As they came: each name with each of its values. */
  readonly params: ReadonlyMap<string, readonly string[]>
}

/** Checks the names against the query and the key, and puts the values in order. */
export function questionOf({ actor, variant }: Session, description: Description, asked: Asked): Question {
  const { query, workspace } = description
  const params = checked(query.parameters, asked.params, actor.params)
  const { format, timezone, int64AsString } = asked
  return {
    key: JSON.stringify([variant, query.name, query.version, format, timezone, int64AsString, Object.entries(params)]),
    workspace,
    description,
    cacheable: (query.cache?.ttlSeconds ?? 0) > 0,
    call: { name: query.name, version: query.version, params, format, timezone, int64AsString },
  }
}

function checked(
  parameters: readonly Parameter[],
  given: ReadonlyMap<string, readonly string[]>,
  bound: Readonly<Record<string, string>>,
): Record<string, string> {
  const known = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  for (const name of given.keys()) {
    if (Object.hasOwn(bound, name)) {
      throw new Failure('auth.bound_parameter', `The key supplies ${name}: the caller may not.`, {
        errors: [{ pointer: name, reason: 'bound by the key' }],
      })
    }
  }
  const unknown = [...given.keys()].filter((name) => !known.has(name))
  if (unknown.length > 0) throw unknownParameters(unknown, [...known.keys(), 'version', 'timezone', 'int64'])
  const missing = parameters.filter(
    ({ name, required, defaultValue }) =>
      required && defaultValue === undefined && !given.has(name) && !Object.hasOwn(bound, name),
  )
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name)
    throw new Failure('request.missing_parameter', `Missing: ${names.join(', ')}.`, {
      errors: missing.map(({ name, type }) => ({ pointer: name, reason: `required, of type ${type}` })),
    })
  }
  const params: Record<string, string> = {}
  for (const name of [...given.keys()].sort()) {
    const parameter = known.get(name)
    if (parameter !== undefined) params[name] = valueOf(parameter, given.get(name) ?? [])
  }
  return params
}

/** Arrays repeat or are comma-separated, and travel as JSON; everything else is given once, and travels as it is. */
function valueOf({ name, type }: Parameter, values: readonly string[]): string {
  const [value = ''] = values
  if (/^Array\(/i.test(type)) {
    if (values.length === 1 && value.startsWith('[')) return value
    return JSON.stringify(values.length === 1 ? (value === '' ? [] : value.split(',')) : values)
  }
  if (values.length === 1) return value
  throw new Failure('query.parameter', `${name} is given ${values.length} times.`, {
    errors: [{ pointer: name, reason: `given ${values.length} times, but ${type} takes one value` }],
  })
}

export function unknownParameters(unknown: readonly string[], known: readonly string[]): Failure {
  const errors = unknown.slice(0, 20).map((name): Violation => {
    const near = closest(name, known)
    return { pointer: name, reason: near === undefined ? 'unknown' : `unknown; did you mean ${near}?` }
  })
  const near = closest(unknown[0] ?? '', known)
  return new Failure('request.unknown_parameter', `Unknown: ${unknown.slice(0, 20).join(', ')}.`, {
    errors,
    ...(near !== undefined
      ? { hint: `Did you mean ${near}?` }
      : known.length > 0 && { hint: `There are: ${known.join(', ')}.` }),
  })
}
