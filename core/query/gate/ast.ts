/** A node of the engine's syntax tree, as `EXPLAIN AST` prints it. */
export interface Node {
  /** `Function`, `Literal`, `SelectQuery`, … */
  readonly kind: string
  /** What stands after the kind: the name of a function, the text of a literal. */
  readonly text: string
  readonly alias: string | undefined
  readonly children: readonly Node[]
}

const count = / \(children (\d+)\)$/
const line = /^( *)([A-Za-z][\w:]*)(?: (.*))?$/s
const alias = /^(.*?) ?\(alias (.*)\)$/s

interface Open extends Node {
  readonly depth: number
  readonly expected: number
  readonly children: Open[]
}

/**
 * Reads the indented text of `EXPLAIN AST`. Names stand in it unescaped, so it is believed only as far as it is
 * consistent: each line one space deeper than its parent at most, and each node with as many children as it states.
 * Undefined where it is not. (Callers refuse names that could imitate a line's end before they ask.)
 */
export function treeOf(text: string): Node | undefined {
  const lines = text.replace(/\n$/, '').split('\n')
  let root: Open | undefined
  const path: Open[] = []
  for (const row of lines) {
    const node = nodeOf(row)
    if (node === undefined || node.depth > path.length) return undefined
    if (node.depth === 0) {
      if (root !== undefined) return undefined
      root = node
    } else {
      path[node.depth - 1]?.children.push(node)
    }
    path.length = node.depth
    path.push(node)
  }
  return root !== undefined && isWhole(root) ? root : undefined
}

function nodeOf(row: string): Open | undefined {
  const children = count.exec(row)
  const found = line.exec(children === null ? row : row.slice(0, children.index))
  if (found === null) return undefined
  const [, indent = '', kind = '', rest = ''] = found
  const named = kind === 'Literal' ? null : alias.exec(rest)
  const text = named === null ? rest : (named[1] ?? '')
  return {
    kind,
    text,
    alias: named === null ? literalAlias(kind, rest) : named[2],
    depth: indent.length,
    expected: Number(children?.[1] ?? 0),
    children: [],
  }
}

/** The alias of a literal stands last; a literal that is a text ends with its quote, so nothing in it can imitate one. */
function literalAlias(kind: string, rest: string): string | undefined {
  if (kind !== 'Literal') return undefined
  const found = /^(?:'(?:[^'\\]|\\.)*'|[^']*|.*[\])]) \(alias ([^'()]*)\)$/s.exec(rest)
  return found?.[1]
}

function isWhole(root: Open): boolean {
  const left: Open[] = [root]
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (node.children.length !== node.expected) return false
    left.push(...node.children)
  }
  return true
}
