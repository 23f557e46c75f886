/** Root of the mean squared error. All of these take [rows] of numbers and are NaN of no rows. */
export function rmse(actual: Float64Array, predicted: Float64Array): number {
  return Math.sqrt(squares(actual, (row) => predicted[row]!) / actual.length)
}

/** Mean absolute error. */
export function mae(actual: Float64Array, predicted: Float64Array): number {
  let sum = 0
  for (let row = 0; row < actual.length; row++) sum += Math.abs(actual[row]! - predicted[row]!)
  return sum / actual.length
}

/** Share of the variance that is explained; below 0 is worse than the mean. NaN where the numbers do not vary. */
export function r2(actual: Float64Array, predicted: Float64Array): number {
  const mean = actual.reduce((sum, value) => sum + value, 0) / actual.length
  const total = squares(actual, () => mean)
  return total === 0 ? Number.NaN : 1 - squares(actual, (row) => predicted[row]!) / total
}

/** Mean absolute error as a share of the number itself. Rows where that is 0 have none and are left out. */
export function mape(actual: Float64Array, predicted: Float64Array): number {
  let sum = 0
  let rows = 0
  for (let row = 0; row < actual.length; row++) {
    if (actual[row] === 0) continue
    sum += Math.abs((actual[row]! - predicted[row]!) / actual[row]!)
    rows++
  }
  return sum / rows
}

function squares(actual: Float64Array, predicted: (row: number) => number): number {
  let sum = 0
  for (let row = 0; row < actual.length; row++) sum += (actual[row]! - predicted(row)) ** 2
  return sum
}
