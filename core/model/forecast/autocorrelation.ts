/** Autocorrelations at these lags, over the pairs that are there. Zeros where the values do not vary. */
export function autocorrelations(values: Float64Array, lags: readonly number[]): number[] {
  let [sum, present] = [0, 0]
  for (const value of values) {
    if (Number.isNaN(value)) continue
    sum += value
    present++
  }
  // A value that is missing is the mean: it adds nothing to any sum.
  const centred = values.map((value) => (Number.isNaN(value) ? 0 : value - sum / present))
  let variance = 0
  for (const value of centred) variance += value * value
  if (variance <= present * Number.EPSILON * sum * sum) return lags.map(() => 0)
  return lags.map((lag) => {
    let product = 0
    for (let i = lag; i < centred.length; i++) product += centred[i]! * centred[i - lag]!
    return product / variance
  })
}
