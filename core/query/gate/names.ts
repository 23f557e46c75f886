import type { Node } from './ast.ts'
import type { Token } from './lexer.ts'

/** Which names a statement declares mean at a place of it. */
export interface Scope {
  /** Common table expressions that a name in the place of a table certainly means. */
  readonly certain: ReadonlySet<string>
  /** Those in whose own declaration the place is. */
  readonly defining: ReadonlySet<string>
  /** The one whose declaration begins here, where it may refer to itself. */
  readonly recursive: string | undefined
  /** Aliases that a name after IN certainly means. */
  readonly values: ReadonlySet<string>
}

/** The common table expressions of a statement. */
export interface CommonTables {
  /** Their names, which `EXPLAIN AST` does not print. */
  readonly names: ReadonlyMap<Node, string>
  readonly all: ReadonlySet<string>
  readonly recursive: boolean
}

/**
 * Finds the names in the text: the formatter prints each as `name AS (SELECT …`, in the order of their nodes.
 * Undefined where they are not as many as nodes.
 */
export function commonTablesOf(tokens: readonly Token[], root: Node): CommonTables | undefined {
  const declared: Node[] = []
  const copies: Copy[] = []
  collect(root, [], declared, copies)
  const found = namesIn(tokens)
  if (found.length !== declared.length) return undefined
  const names = new Map(declared.map((node, at) => [node, found[at] ?? '']))
  for (const copy of copies) if (!nameCopy(copy, names)) return undefined
  const recursive = tokens.some((token, at) => isWord(token, 'WITH') && isWord(tokens[at + 1], 'RECURSIVE'))
  return { names, all: new Set(found), recursive }
}

/** The WITH of a union's first SELECT, which the engine appends to the SELECTs after it that have none. */
interface Copy {
  readonly list: Node
  /** Lists that it can be a copy of. */
  readonly sources: readonly Node[]
}

function collect(node: Node, sources: readonly Node[], declared: Node[], copies: Copy[]): void {
  if (node.kind === 'WithElement') declared.push(node)
  let inner = sources
  if (node.kind === 'SelectWithUnionQuery' || node.kind === 'SelectIntersectExceptQuery') {
    const list = leftmostSelect(node)?.children[0]
    if (list !== undefined && hasNames(list)) inner = [...sources, list]
  }
  for (const [at, child] of node.children.entries()) {
    if (node.kind === 'SelectQuery' && at > 0 && hasNames(child)) copies.push({ list: child, sources })
    // What a SELECT declares reaches the other SELECTs of its own union only.
    else collect(child, node.kind === 'SelectQuery' ? [] : inner, declared, copies)
  }
}

function leftmostSelect(node: Node): Node | undefined {
  for (let at: Node | undefined = node; at !== undefined; at = at.children[0]) if (at.kind === 'SelectQuery') return at
  return undefined
}

function hasNames(node: Node): boolean {
  return node.kind === 'ExpressionList' && node.children.some((child) => child.kind === 'WithElement')
}

/** Gives a copy the names of what it is a copy of; false where that cannot be told. */
function nameCopy({ list, sources }: Copy, names: Map<Node, string>): boolean {
  const same = sources.filter((source) => isSame(source, list))
  const spelled = new Set(same.map((source) => namesBelow(source, names).join('\n')))
  const [source] = same
  if (source === undefined || spelled.size !== 1) return false
  const originals = withElements(source)
  for (const [at, node] of withElements(list).entries()) {
    const original = originals[at]
    const name = original === undefined ? undefined : names.get(original)
    if (name === undefined) return false
    names.set(node, name)
  }
  return true
}

function isSame(a: Node, b: Node): boolean {
  const alike = a.kind === b.kind && a.text === b.text && a.alias === b.alias
  return alike && a.children.length === b.children.length && a.children.every((child, at) => isSameAt(child, b, at))
}

function isSameAt(child: Node, other: Node, at: number): boolean {
  const twin = other.children[at]
  return twin !== undefined && isSame(child, twin)
}

function withElements(node: Node): readonly Node[] {
  const inner = node.children.flatMap(withElements)
  return node.kind === 'WithElement' ? [node, ...inner] : inner
}

function namesBelow(node: Node, names: ReadonlyMap<Node, string>): readonly string[] {
  return withElements(node).map((element) => names.get(element) ?? '')
}

function namesIn(tokens: readonly Token[]): readonly string[] {
  const found: string[] = []
  for (const [at, token] of tokens.entries()) {
    if (!isWord(token, 'AS') || tokens[at + 1]?.text !== '(') continue
    // After the AS of a WINDOW there is never one of these.
    const opens = tokens[at + 2]
    if (!isWord(opens, 'SELECT') && !isWord(opens, 'WITH') && opens?.text !== '(') continue
    const name = nameBefore(tokens, at)
    if (name !== undefined) found.push(name)
  }
  return found
}

/** `name AS`, or `name(column, …) AS`. */
function nameBefore(tokens: readonly Token[], as: number): string | undefined {
  let at = as - 1
  if (tokens[at]?.text === ')') {
    while (at >= 0 && tokens[at]?.text !== '(') at--
    at--
  }
  const token = tokens[at]
  return token?.kind === 'word' || token?.kind === 'name' ? token.value : undefined
}

function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text === text
}
