import { createRandom } from '../../core/model/random.ts'

/** Customers leave early, and rather by the month; the rest is noise. Some say nothing of their contract. As NDJSON. */
export function customers(count: number): string {
  const random = createRandom(7)
  return Array.from({ length: count }, (_, n) => {
    const tenure = Math.floor(random() * 60)
    const contract = ['monthly', 'yearly', ''][Math.floor(random() * 3)]!
    const chance = 0.1 + (tenure < 12 ? 0.5 : 0) + (contract === 'monthly' ? 0.3 : 0)
    const charge = Math.round(random() * 10_000) / 100
    return JSON.stringify({ id: `c${n}`, tenure, contract, charge, left: random() < chance ? 'yes' : 'no' })
  }).join('\n')
}
