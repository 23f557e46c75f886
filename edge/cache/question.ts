import type { MessageInitShape } from '@bufbuild/protobuf'
import { Failure, type Violation } from '#mesh/errors.ts'
import type { CallQueryRequestSchema, Format, Parameter, Query } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Session } from '../auth/sessions.ts'
import type { Known } from '../changes/known.ts'
import { closest } from '#mesh/closest.ts'
import { canonical, isArray } from './canonical.ts'

/** One call of a published query, in the one form in which it can be compared with others. */
export interface Question {
  /** Workspace, the actor's predicate, query, version, format, time zone, integers, values of the parameters. */
  readonly key: string
  readonly workspace: string
  readonly description: Known<Query>
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

/**
 * Checks the names against the query and the credential, and puts the values in order. Two questions have one key if and
 * only if the core would answer them with the same bytes: so what a credential binds, and what the query has by default,
 * counts as if the caller had given it.
 */
export function questionOf({ actor, predicate }: Session, description: Known<Query>, asked: Asked): Question {
  const { said: query, workspace } = description
  const { format, timezone, int64AsString } = asked
  checkNames(query.parameters, asked.params, actor.params)
  const given = new Map<string, string>()
  // What is bound and no parameter of the query is refused by the core; nobody else's question may be the same.
  const values = new Map(Object.entries(actor.params))
  for (const parameter of query.parameters) {
    const { name, defaultValue } = parameter
    const texts = asked.params.get(name)
    const text = texts === undefined ? (values.get(name) ?? defaultValue) : single(parameter, texts)
    // Without a value an array is empty, and everything else is NULL, which no text is.
    if (text === undefined && !isArray(parameter.type)) continue
    const value = canonical(parameter, text ?? '', timezone)
    values.set(name, value)
    if (texts !== undefined) given.set(name, value)
  }
  const inOrder = [...values].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    key: JSON.stringify([workspace, predicate, query.name, query.version, format, timezone, int64AsString, inOrder]),
    workspace,
    description,
    cacheable: (query.cache?.ttlSeconds ?? 0) > 0,
    call: {
      name: query.name,
      version: query.version,
      params: Object.fromEntries(given),
      format,
      timezone,
      int64AsString,
    },
  }
}

function checkNames(
  parameters: readonly Parameter[],
  given: ReadonlyMap<string, readonly string[]>,
  bound: Readonly<Record<string, string>>,
): void {
  const known = new Set(parameters.map(({ name }) => name))
  for (const name of given.keys()) {
    if (Object.hasOwn(bound, name)) {
      throw new Failure('auth.bound_parameter', `The key supplies ${name}: the caller may not.`, {
        errors: [{ pointer: name, reason: 'bound by the key' }],
      })
    }
  }
  const unknown = [...given.keys()].filter((name) => !known.has(name))
  if (unknown.length > 0) throw unknownParameters(unknown, [...known, 'version', 'timezone', 'int64'])
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
}

/** One text: arrays may be repeated, everything else is given once. */
function single({ name, type }: Parameter, texts: readonly string[]): string {
  const [text = ''] = texts
  if (texts.length === 1) return text
  if (isArray(type)) return JSON.stringify(texts)
  throw new Failure('query.parameter', `${name} is given ${texts.length} times.`, {
    errors: [{ pointer: name, reason: `given ${texts.length} times, but ${type} takes one value` }],
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
