import { type Random, seeded } from './random.ts'

/** A shop that does not exist. The same seed makes the same customers, products and days. */

export interface Customer {
  readonly customer: string
  readonly country: string
  readonly plan: 'free' | 'plus' | 'pro'
  readonly age: number
  readonly visits_per_week: number
  readonly complaints: number
  /** The probability with which `churned` was drawn: what a model trained on the rest can at best find out. */
  readonly churn_probability: number
  readonly churned: boolean
  readonly time: string
}

export interface Product {
  readonly product: string
  readonly category: string
  readonly price: number
  readonly time: string
}

export type ShopEvent =
  | { readonly stream: 'shop_sessions'; readonly row: Readonly<Record<string, unknown>> }
  | { readonly stream: 'shop_orders'; readonly row: Readonly<Record<string, unknown>> }

export interface Shop {
  readonly customers: readonly Customer[]
  readonly products: readonly Product[]
  /** What happens next in the shop, at a moment in milliseconds. */
  next(atMs: number): readonly ShopEvent[]
}

const countries = ['DE', 'FR', 'US', 'GB', 'IN', 'BR', 'JP'] as const
const plans = ['free', 'free', 'free', 'plus', 'plus', 'pro'] as const
const categories = ['books', 'games', 'kitchen', 'garden', 'music'] as const
const devices = ['phone', 'phone', 'laptop', 'tablet'] as const
const orderProbability = 0.3

export function createShop(options: {
  readonly seed: number
  readonly startMs: number
  readonly customers?: number
  readonly products?: number
}): Shop {
  const { seed, startMs, customers: customerCount = 500, products: productCount = 60 } = options
  const random = seeded(seed)
  const time = new Date(startMs).toISOString()
  const customers = Array.from({ length: customerCount }, (_, at) => customerOf(random, at, time))
  const products = Array.from({ length: productCount }, (_, at) => productOf(random, at, time))
  const run = seed.toString(36) + startMs.toString(36)
  let count = 0

  return {
    customers,
    products,
    next(atMs) {
      const session = `s_${run}_${++count}`
      const visitor = random.pick(customers)
      const looked = random.pick(products)
      const device = random.pick(devices)
      const seconds = random.whole(5, 900)
      const pages = random.whole(1, 20)
      const buys = random.chance(orderProbability)
      const quantity = random.whole(1, 3)
      const at = new Date(atMs).toISOString()
      const { customer, country } = visitor
      const { product, category, price } = looked
      const visit: ShopEvent = {
        stream: 'shop_sessions',
        row: { session, time: at, customer, country, device, seconds, pages, product, category },
      }
      if (!buys) return [visit]
      const total = Math.round(price * quantity * 100) / 100
      return [
        visit,
        {
          stream: 'shop_orders',
          row: { order: `o_${run}_${count}`, time: at, session, customer, country, product, category, quantity, total },
        },
      ]
    },
  }
}

function customerOf(random: Random, at: number, time: string): Customer {
  const country = random.pick(countries)
  const plan = random.pick(plans)
  const age = random.whole(18, 80)
  const visits = Math.round(random.next() * 70) / 10
  const complaints = random.chance(0.3) ? random.whole(1, 4) : 0
  const probability = churnProbability({ plan, visits, complaints })
  return {
    customer: `c_${String(at + 1).padStart(4, '0')}`,
    country,
    plan,
    age,
    visits_per_week: visits,
    complaints,
    churn_probability: Math.round(probability * 10_000) / 10_000,
    churned: random.chance(probability),
    time,
  }
}

/** Logistic: complaints drive away, visits and a paid plan hold. */
export function churnProbability({
  plan,
  visits,
  complaints,
}: {
  plan: Customer['plan']
  visits: number
  complaints: number
}): number {
  const held = plan === 'free' ? 0 : plan === 'plus' ? 0.6 : 1.2
  return 1 / (1 + Math.exp(-(-0.4 + 0.9 * complaints - 0.45 * visits - held)))
}

function productOf(random: Random, at: number, time: string): Product {
  return {
    product: `p_${String(at + 1).padStart(3, '0')}`,
    category: random.pick(categories),
    price: random.whole(199, 19_999) / 100,
    time,
  }
}
