import type { Histogram } from './histogram.ts'
import { leafValue, noiseOf, scoreOf, type NodeSums, type Split, type SplitRules } from './split.ts'

/**
 * The best threshold of a number, with what is missing on the side where it gains more (Chen & Guestrin 2016,
 * Algorithm 3); where nothing is missing, what will be goes with the heavier side.
 * @param least what it must gain more than
 */
export function findNumberSplit(
  histogram: Histogram,
  feature: number,
  begin: number,
  end: number,
  node: NodeSums,
  rules: SplitRules,
  least: number,
): Split | undefined {
  const { gradient, hessian, rows, low, high } = node
  const { l2, minChildWeight } = rules
  const leastHessian = Math.max(minChildWeight, (rules.minRows * hessian) / rows)
  const direction = rules.monotone[feature] ?? 0
  const whole = scoreOf(gradient, hessian, l2, leafValue(gradient, hessian, l2, low, high))
  const last = end - 2
  const missingGradient = histogram[(end - 1) * 2]!
  const missingHessian = histogram[(end - 1) * 2 + 1]!
  const missing = missingHessian > noiseOf(node)

  let [bestGain, bestBin, bestMissingLeft] = [least, -1, false]
  let [bestGradient, bestHessian] = [0, 0]
  for (let side = 0; side < (missing ? 2 : 1); side++) {
    let leftGradient = side === 1 ? missingGradient : 0
    let leftHessian = side === 1 ? missingHessian : 0
    // All numbers to the left is a split where what is missing goes right.
    const until = missing && side === 0 ? last : last - 1
    for (let bin = begin; bin <= until; bin++) {
      leftGradient += histogram[bin * 2]!
      leftHessian += histogram[bin * 2 + 1]!
      if (leftHessian < leastHessian) continue
      const rightHessian = hessian - leftHessian
      if (rightHessian < leastHessian) break
      const rightGradient = gradient - leftGradient
      const left = leafValue(leftGradient, leftHessian, l2, low, high)
      const right = leafValue(rightGradient, rightHessian, l2, low, high)
      if (direction * (right - left) < 0) continue
      const gain =
        scoreOf(leftGradient, leftHessian, l2, left) + scoreOf(rightGradient, rightHessian, l2, right) - whole
      if (!(gain > bestGain)) continue
      bestGain = gain
      bestBin = bin
      bestMissingLeft = side === 1
      bestGradient = leftGradient
      bestHessian = leftHessian
    }
  }
  if (bestBin < 0) return undefined
  return {
    feature,
    gain: bestGain,
    bin: bestBin - begin,
    missingLeft: missing ? bestMissingLeft : bestHessian * 2 >= hessian,
    left: { gradient: bestGradient, hessian: bestHessian },
    right: { gradient: gradient - bestGradient, hessian: hessian - bestHessian },
  }
}
