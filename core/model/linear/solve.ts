/**
 * x with A x = b for a symmetric positive definite A, by Cholesky's factors. `a` is row-major [n × n]. A pivot that
 * rounding has left without a value belongs to a column that the others make up: its coefficient is 0.
 */
export function solve(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length
  const lower = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!
      for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!
      if (i === j) lower[i * n + i] = sum > 1e-12 * a[i * n + i]! ? Math.sqrt(sum) : Infinity
      else lower[i * n + j] = sum / lower[j * n + j]!
    }
  }
  const x = Float64Array.from(b)
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i * n + k]! * x[k]!
    x[i]! /= lower[i * n + i]!
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= lower[k * n + i]! * x[k]!
    x[i]! /= lower[i * n + i]!
  }
  return x
}
