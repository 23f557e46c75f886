import type { Node } from './ast.ts'
import type { CommonTables, Scope } from './names.ts'

export const emptyScope: Scope = { certain: new Set(), defining: new Set(), recursive: undefined, values: new Set() }

type Visit = (node: Node, scope: Scope) => void

/**
 * Visits the parts of a SELECT, each with the names that it can see. A name is certain only after its declaration:
 * before and inside it, it may mean a stream.
 */
export function visitSelect(tables: CommonTables, select: Node, outer: Scope, visit: Visit): void {
  const values = new Set(outer.values)
  for (const item of valueLists(select)) if (item.alias !== undefined && isValue(item)) values.add(item.alias)
  const certain = new Set(outer.certain)
  const scope: Scope = { ...outer, certain, recursive: undefined, values }
  const declaring = select.children.filter((part) => part.children.some((item) => tables.names.has(item)))
  for (const item of declaring.flatMap((part) => part.children)) {
    const name = tables.names.get(item)
    if (name === undefined) {
      visit(item, scope)
      continue
    }
    certain.delete(name)
    const defining = new Set(outer.defining).add(name)
    visit(item, { ...scope, defining, recursive: tables.recursive ? name : undefined })
    certain.add(name)
  }
  for (const part of select.children) if (!declaring.includes(part)) visit(part, scope)
}

/** Visits the SELECTs of a union. In a recursive declaration all but the first can see what is declared. */
export function visitUnion(selects: readonly Node[], scope: Scope, visit: Visit): void {
  const { recursive } = scope
  const plain: Scope = { ...scope, recursive: undefined }
  const again = recursive === undefined ? plain : { ...plain, certain: new Set(scope.certain).add(recursive) }
  for (const [at, select] of selects.entries()) visit(select, at === 0 ? plain : again)
}

/** What can have an alias that the whole SELECT sees: the list of WITH, where it can be told from others, and of SELECT. */
function valueLists(select: Node): readonly Node[] {
  const [first, second, third] = select.children
  const two = second?.kind === 'ExpressionList' && third?.kind === 'TablesInSelectQuery'
  return [...(first?.children ?? []), ...(two ? second.children : [])]
}

/** Literals and what is built of them: an alias of these cannot stand for a table. */
function isValue(node: Node): boolean {
  if (node.kind === 'Literal' || node.kind === 'QueryParameter') return true
  return node.kind === 'Function' && (node.text === 'array' || node.text === 'tuple')
}
