import { setOf, wordsPerSet } from '#mesh/inference/trees.ts'
import type { Bins } from './bins.ts'
import type { GbdtTree } from './model.ts'
import type { Split } from './split.ts'

/** Writes a tree down as it grows. Every node begins as a leaf. */
export function createTreeWriter(bins: Bins) {
  const nodes: { split?: Split; left: number; right: number; value: number; cover: number }[] = []
  const add = (): number => nodes.push({ left: 0, right: 0, value: 0, cover: 0 }) - 1
  add()

  return {
    /** The two new nodes. */
    split(node: number, split: Split): readonly [left: number, right: number] {
      const [left, right] = [add(), add()]
      Object.assign(nodes[node]!, { split, left, right })
      return [left, right]
    },
    leaf(node: number, value: number, rows: number): void {
      Object.assign(nodes[node]!, { value, cover: rows })
    },
    done(): GbdtTree {
      // Children are younger than their parents.
      for (const node of nodes.toReversed()) {
        if (node.split !== undefined) node.cover = nodes[node.left]!.cover + nodes[node.right]!.cover
      }
      const sets: number[] = []
      const setAt = nodes.map(({ split }) => {
        if (split?.members === undefined) return -1
        return sets.push(...setOf(split.members)) - wordsPerSet
      })
      return {
        feature: Int32Array.from(nodes, ({ split }) => split?.feature ?? -1),
        threshold: Float32Array.from(nodes, ({ split }) =>
          split === undefined ? 0 : (bins.cuts[split.feature]?.[split.bin] ?? Infinity),
        ),
        left: Int32Array.from(nodes, ({ left }) => left),
        right: Int32Array.from(nodes, ({ right }) => right),
        missingLeft: Uint8Array.from(nodes, ({ split }) => Number(split?.missingLeft ?? false)),
        setAt: Int32Array.from(setAt),
        sets: Uint32Array.from(sets),
        value: Float32Array.from(nodes, ({ value }) => value),
        cover: Float32Array.from(nodes, ({ cover }) => cover),
        gain: Float32Array.from(nodes, ({ split }) => split?.gain ?? 0),
      }
    },
  }
}
