import { createRandom } from '../random.ts'
import { lloyd, type Partition } from './lloyd.ts'
import { seedCenters } from './seed-centers.ts'

interface BestOptions {
  readonly points: Float32Array
  readonly columns: number
  readonly k: number
  readonly restarts: number
  readonly seed: number
  readonly check: () => void
  readonly onStep?: (() => void) | undefined
}

/** Of several starts the partition whose rows are the nearest to their centres. */
export function best({ points, columns, k, restarts, seed, check, onStep }: BestOptions): Partition {
  const random = createRandom(seed)
  const found = Array.from({ length: restarts }, () => {
    const partition = lloyd(points, columns, seedCenters(points, columns, k, random), check)
    onStep?.()
    return partition
  })
  return found.reduce((one, other) => (other.inertia < one.inertia ? other : one))
}
