/**
 * The area under the ROC curve: how often a row of class 1 is scored above one of class 0, a tie counting half (Hanley &
 * McNeil 1982). `actual` is 0 or 1 and `predicted` any score, both [rows]. NaN where only one class is there.
 */
export function auc(actual: Float64Array, predicted: Float64Array): number {
  const ones = predicted.filter((_, row) => actual[row] === 1).sort()
  const zeros = predicted.filter((_, row) => actual[row] !== 1).sort()
  let wins = 0
  let below = 0
  let upTo = 0
  for (const one of ones) {
    while (below < zeros.length && zeros[below]! < one) below++
    while (upTo < zeros.length && zeros[upTo]! <= one) upTo++
    wins += (below + upTo) / 2
  }
  return wins / (ones.length * zeros.length)
}
