import type { Histogram } from './histogram.ts'
import { leafValue, noiseOf, scoreOf, type NodeSums, type Split, type SplitRules, type Sums } from './split.ts'

/** A category is trusted less than a number, as it has more ways to split. LightGBM's cat_smooth and cat_l2. */
const smoothing = 10
const categoryL2 = 10

/**
 * The best two sets of categories: ordered by what they say, the best is one of the prefixes (Fisher 1958; Ke et al.
 * 2017). What is missing goes where it gains more. The lighter set is written down, if it can be, so that a category
 * that this node never saw goes with the heavier.
 * @param least what it must gain more than
 */
export function findCategorySplit(
  histogram: Histogram,
  feature: number,
  begin: number,
  end: number,
  node: NodeSums,
  rules: SplitRules,
  least: number,
): Split | undefined {
  const { gradient, hessian, rows, low, high } = node
  const l2 = rules.l2 + categoryL2
  const leastHessian = Math.max(rules.minChildWeight, (rules.minRows * hessian) / rows)
  const noise = noiseOf(node)
  const sums = (code: number): Sums => ({
    gradient: histogram[(begin + code) * 2]!,
    hessian: histogram[(begin + code) * 2 + 1]!,
  })
  const says = ({ gradient, hessian }: Sums): number => gradient / (hessian + smoothing)
  const missing = sums(end - begin - 1)
  const present = Array.from({ length: end - begin - 1 }, (_, code) => ({ code, ...sums(code) }))
    .filter(({ hessian }) => hessian > noise)
    .sort((a, b) => says(a) - says(b) || a.code - b.code)
  const whole = scoreOf(gradient, hessian, l2, leafValue(gradient, hessian, l2, low, high))

  let [bestGain, bestCount, bestWithMissing] = [least, 0, false]
  let best: Sums = { gradient: 0, hessian: 0 }
  for (const withMissing of missing.hessian > noise ? [false, true] : [false]) {
    let firstGradient = withMissing ? missing.gradient : 0
    let firstHessian = withMissing ? missing.hessian : 0
    const until = missing.hessian > noise && !withMissing ? present.length : present.length - 1
    for (let count = 1; count <= until; count++) {
      firstGradient += present[count - 1]!.gradient
      firstHessian += present[count - 1]!.hessian
      if (firstHessian < leastHessian || hessian - firstHessian < leastHessian) continue
      const [otherGradient, otherHessian] = [gradient - firstGradient, hessian - firstHessian]
      const first = leafValue(firstGradient, firstHessian, l2, low, high)
      const other = leafValue(otherGradient, otherHessian, l2, low, high)
      const gain =
        scoreOf(firstGradient, firstHessian, l2, first) + scoreOf(otherGradient, otherHessian, l2, other) - whole
      if (!(gain > bestGain)) continue
      bestGain = gain
      bestCount = count
      bestWithMissing = withMissing
      best = { gradient: firstGradient, hessian: firstHessian }
    }
  }
  if (bestCount === 0) return undefined

  const others = { gradient: gradient - best.gradient, hessian: hessian - best.hessian }
  const found = { feature, gain: bestGain }
  if (bestCount === present.length) {
    return { ...found, bin: end - begin - 2, missingLeft: false, left: best, right: others }
  }
  const codes = present.map(({ code }) => code)
  const halves = [codes.slice(0, bestCount), codes.slice(bestCount)] as const
  const missingFirst = missing.hessian > noise && bestWithMissing
  const missingOther = missing.hessian > noise && !bestWithMissing
  const lighter = best.hessian * 2 <= hessian
  return (lighter && isWritable(halves[0], missingFirst)) || !isWritable(halves[1], missingOther)
    ? { ...found, bin: -1, members: halves[0], missingLeft: missingFirst, left: best, right: others }
    : { ...found, bin: -1, members: halves[1], missingLeft: missingOther, left: others, right: best }
}

/**
 * ONNX Runtime 1.30 in WASM looks a missing value up as code 0 where a set reaches past its 31 codes of a bitmap. One of
 * two halves is always free of that: code 0 is in one of them only.
 */
function isWritable(members: readonly number[], missingLeft: boolean): boolean {
  return missingLeft || !members.includes(0) || members.every((code) => code < 31)
}
