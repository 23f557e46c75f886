import { Failure } from '#mesh/errors.ts'
import { closest } from '#mesh/closest.ts'
import { functionNames } from './functions.ts'

export function notAllowed(detail: string): Failure {
  return new Failure('query.not_allowed', detail)
}

export function unknownTable(name: string, known: readonly string[] = []): Failure {
  const near = closest(name, known)
  return new Failure('query.unknown_table', `There is no stream ${quoted(name)}.`, didYouMean(near))
}

export function unknownFunction(name: string): Failure {
  const near = closest(name, functionNames)
  return new Failure('query.unknown_function', `There is no function ${quoted(name)} here.`, didYouMean(near))
}

function didYouMean(near: string | undefined): { readonly hint?: string } {
  return near === undefined ? {} : { hint: `Did you mean \`${near}\`?` }
}

export function identifierParameter(): Failure {
  return notAllowed('A parameter cannot be an Identifier: it would name a table or a column.')
}

export function quoted(name: string): string {
  return `\`${name.slice(0, 80)}\``
}
