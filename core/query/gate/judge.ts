import { Failure } from '#mesh/errors.ts'
import type { Node } from './ast.ts'
import { aggregatesByName, isAllowedFunction, membershipFunctions, tableFunctions } from './functions.ts'
import type { CommonTables, Scope } from './names.ts'
import { identifierParameter, notAllowed, quoted, unknownFunction, unknownTable } from './refusals.ts'
import { visitSelect, visitUnion } from './scope.ts'
import { parameterType } from './types.ts'

/** What a statement reads. */
export interface Reads {
  /** Streams, by name. */
  readonly streams: Set<string>
  /** Names that it declares itself and then uses where a stream could stand: never a stream's own rows. */
  readonly declared: Set<string>
  /** Names that it declares, but uses where they might also mean a stream. */
  readonly ambiguous: Set<string>
  /** Tables that it names together with their workspace. */
  readonly qualified: Set<string>
  /** Names of columns, and whatever else stands where one could, as they are written. */
  readonly columns: Set<string>
  /** Names on the left of IN, which the engine would also look for among tables. */
  readonly tested: Set<string>
}

/** What may stand anywhere below a SELECT without a rule of its own. */
const plainKinds = new Set([
  'ArrayJoin',
  'Asterisk',
  'ColumnsExceptTransformer',
  'ColumnsListMatcher',
  'ColumnsRegexpMatcher',
  'ColumnsReplaceTransformer',
  'ColumnsReplaceTransformer::Replacement',
  'ColumnsTransformerList',
  'ExpressionList',
  'Identifier',
  'InterpolateElement',
  'Literal',
  'OrderByElement',
  'QualifiedAsterisk',
  'QualifiedColumnsListMatcher',
  'QualifiedColumnsRegexpMatcher',
  'SampleRatio',
  'SelectIntersectExceptQuery',
  'Subquery',
  'TableJoin',
  'TablesInSelectQuery',
  'TablesInSelectQueryElement',
  'WindowDefinition',
  'WindowListElement',
  'WithElement',
])

/** Every kind of node that may stand in a statement, those with a rule of their own included. */
export const allowedKinds: ReadonlySet<string> = new Set([
  ...plainKinds,
  'Function',
  'QueryParameter',
  'SelectQuery',
  'SelectWithUnionQuery',
  'TableExpression',
  'TableIdentifier',
])

const reasons: Readonly<Record<string, string>> = {
  ASTStreamSettings: 'STREAM is not allowed.',
  ColumnsApplyTransformer: 'APPLY is not allowed: write the function for each column.',
  Set: 'SETTINGS are not allowed: limits and formats are set by the request.',
}

export interface Law {
  readonly workspace: string
  readonly tables: CommonTables
  /** See aliasesOf. */
  readonly aliases: ReadonlyMap<string, readonly string[]>
  readonly reads: Reads
}

/** Fails unless every node of the tree is known to be harmless. Notes what it reads. */
export function judge(law: Law, node: Node, scope: Scope): void {
  if (!allowedKinds.has(node.kind)) throw notAllowed(reasons[node.kind] ?? `${node.kind} is not allowed here.`)
  switch (node.kind) {
    case 'SelectWithUnionQuery':
      judgeUnion(law, node, scope)
      return
    case 'SelectQuery':
      visitSelect(law.tables, node, scope, (child, inner) => judge(law, child, inner))
      return
    case 'TableExpression':
      judgeTable(law, node, scope)
      return
    case 'TableIdentifier':
      throw notAllowed('A table can only stand after FROM, JOIN or IN.')
    case 'Identifier':
      // A name made of a parameter: `{x:Identifier}`.
      if (node.children.length > 0 || node.text === '') throw identifierParameter()
      law.reads.columns.add(node.text)
      return
    case 'QueryParameter':
      judgeParameter(node)
      return
    case 'Function':
      judgeFunction(law, node, scope)
      return
    default:
      judgeAll(law, node.children, scope)
  }
}

function judgeAll(law: Law, nodes: readonly Node[], scope: Scope): void {
  for (const node of nodes) judge(law, node, scope)
}

/** Beside its list of SELECTs a union can have a file to write to, settings and a format: none may stay. */
function judgeUnion(law: Law, node: Node, scope: Scope): void {
  const [list, ...others] = node.children
  const other = others[0]
  if (other !== undefined)
    throw notAllowed(reasons[other.kind] ?? 'INTO OUTFILE and other output clauses are not allowed.')
  if (list?.kind !== 'ExpressionList') throw notAllowed('Only SELECT is allowed.')
  visitUnion(list.children, scope, (select, inner) => judge(law, select, inner))
}

function judgeTable(law: Law, node: Node, scope: Scope): void {
  for (const child of node.children) {
    // A filter is found by the alias of a table too, so an alias must not look like the full name of one.
    if (child.alias?.includes('.')) throw notAllowed(`\`${child.alias}\` cannot be the alias of a table: it has a dot.`)
    if (child.kind === 'TableIdentifier') {
      if (child.children.length > 0 || child.text === '') throw identifierParameter()
      judgeTableName(law, child.text, scope)
    } else if (child.kind === 'Function') {
      if (!tableFunctions.has(child.text)) throw notAllowed(`The table function ${quoted(child.text)} is not allowed.`)
      judgeAll(law, child.children, scope)
    } else {
      judge(law, child, scope)
    }
  }
}

function judgeTableName(law: Law, text: string, scope: Scope): void {
  const [first = '', second, ...rest] = text.split('.')
  if (second === undefined && scope.certain.has(first)) {
    law.reads.declared.add(first)
    return
  }
  if (second !== undefined && /^(system|information_schema)$/i.test(first)) {
    throw notAllowed(`${quoted(first)} cannot be read.`)
  }
  const name = second ?? first
  const own = second === undefined || first === law.workspace
  if (!own || rest.length > 0 || !/^_?[a-z][a-z0-9_]{0,47}$/.test(name)) throw unknownTable(text)
  // Declared elsewhere than where it is used: the engine might take one or the other. In its own declaration it is a stream.
  if (law.tables.all.has(name) && second === undefined && !scope.defining.has(name)) law.reads.ambiguous.add(name)
  if (second !== undefined) law.reads.qualified.add(text)
  law.reads.streams.add(name)
}

function judgeParameter(node: Node): void {
  const colon = node.text.indexOf(':')
  const type = node.text.slice(colon + 1)
  if (type === 'Identifier') throw identifierParameter()
  if (parameterType(type) !== undefined) return
  const name = node.text.slice(0, colon)
  throw new Failure('query.parameter', `The parameter ${quoted(name)} cannot have the type ${type.slice(0, 80)}.`, {
    hint: 'Parameters are numbers, texts, dates, times, UUIDs, enumerations, or arrays of these.',
    errors: [{ pointer: name, reason: 'type is not allowed' }],
  })
}

function judgeFunction(law: Law, node: Node, scope: Scope): void {
  if (!isAllowedFunction(node.text)) throw unknownFunction(node.text)
  if (aggregatesByName.has(node.text)) judgeNamedAggregate(node)
  if (!membershipFunctions.has(node.text)) {
    judgeAll(law, node.children, scope)
    return
  }
  for (const list of node.children) {
    const [left, ...members] = list.children
    if (left !== undefined) judge(law, left, scope)
    if (left?.kind === 'Identifier') law.reads.tested.add(left.text)
    for (const member of members) judgeMembers(law, member, scope)
  }
}

/** `arrayReduce('sum', …)` names a function in a literal. */
function judgeNamedAggregate(node: Node): void {
  const name = node.children[0]?.children[0]
  const called = name?.kind === 'Literal' ? /^'(\w+)(?:\(.*\))?'$/s.exec(name.text)?.[1] : undefined
  if (called === undefined) throw notAllowed(`${node.text} needs the name of its function as a text.`)
  if (!isAllowedFunction(called)) throw unknownFunction(called)
}

/** The right side of IN: a name there may be a table, so it is judged as one unless it certainly is not. */
function judgeMembers(law: Law, node: Node, scope: Scope): void {
  if (node.kind === 'Function' && node.text === 'format') throw notAllowed('format is not allowed after IN.')
  judge(law, node, scope)
  if (node.kind === 'Identifier') judgeMember(law, node.text, scope, new Set())
}

/** A name after IN, and what it is an alias of: `WITH other.t AS k SELECT 1 IN k` reads a table. */
function judgeMember(law: Law, name: string, scope: Scope, seen: Set<string>): void {
  if (seen.has(name)) return
  seen.add(name)
  const meant = law.aliases.get(name) ?? []
  for (const other of meant) judgeMember(law, other, scope, seen)
  if (meant.length === 0 && scope.values.has(name)) law.reads.declared.add(name)
  else judgeTableName(law, name, scope)
}

/** What the names are that a statement gives other names. */
export function aliasesOf(root: Node): ReadonlyMap<string, readonly string[]> {
  const aliases = new Map<string, string[]>()
  const walk = (node: Node): void => {
    if (node.kind === 'Identifier' && node.alias !== undefined) {
      const texts = aliases.get(node.alias)
      if (texts === undefined) aliases.set(node.alias, [node.text])
      else if (!texts.includes(node.text)) texts.push(node.text)
    }
    for (const child of node.children) walk(child)
  }
  walk(root)
  return aliases
}
