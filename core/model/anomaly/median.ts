/** The q-quantile of the numbers that are there, between neighbours in proportion; NaN where there are none. */
export function quantile(values: Iterable<number>, q: number): number {
  // NaN sorts last.
  const sorted = Float64Array.from(values).sort()
  let present = sorted.length
  while (present > 0 && Number.isNaN(sorted[present - 1])) present--
  const rank = q * (present - 1)
  const below = sorted[Math.floor(rank)] ?? NaN
  const rest = rank % 1
  return rest === 0 ? below : below + ((sorted[Math.ceil(rank)] ?? NaN) - below) * rest
}

export function median(values: Iterable<number>): number {
  return quantile(values, 0.5)
}

/** The same of a few numbers that are all there, without a copy: it sorts them. */
export function medianInPlace(values: Float64Array): number {
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!
    let at = i
    for (; at > 0 && values[at - 1]! > value; at--) values[at] = values[at - 1]!
    values[at] = value
  }
  const middle = values.length >> 1
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2
}
