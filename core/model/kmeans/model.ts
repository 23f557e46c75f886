/** Plain data. A row belongs to the segment whose centre is the nearest. */
export interface KmeansModel {
  /** Of the matrix that it reads. */
  readonly names: readonly string[]
  /** Row-major [segments × columns], standardised. */
  readonly centers: Float32Array
  /** Largest first. */
  readonly segments: readonly Segment[]
  /** −1 to 1: how well the segments are apart, of a sample of the rows. */
  readonly silhouette: number
  /** What was tried, and how well it was apart. */
  readonly tried: readonly { readonly k: number; readonly silhouette: number }[]
}

export interface Segment {
  /** `high monthly_charges, low tenure`. */
  readonly name: string
  /** Of those that it was trained from. */
  readonly rows: number
}
