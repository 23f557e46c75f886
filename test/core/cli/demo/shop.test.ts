import { expect, test } from 'vitest'
import { createShop } from '../../../../core/cli/demo/shop.ts'

const startMs = Date.UTC(2026, 0, 1)

function day(seed: number) {
  const shop = createShop({ seed, startMs })
  return { ...shop, events: Array.from({ length: 2_000 }, (_, at) => shop.next(startMs + at * 1_000)).flat() }
}

test('the same seed makes the same shop and the same day, another seed another', () => {
  expect(JSON.stringify(day(7))).toBe(JSON.stringify(day(7)))
  expect(JSON.stringify(day(8))).not.toBe(JSON.stringify(day(7)))
})

test('customers churn as often as their probability says', () => {
  const { customers } = createShop({ seed: 3, startMs, customers: 20_000 })
  const expected =
    customers.reduce((sum, { churn_probability: probability }) => sum + probability, 0) / customers.length
  const observed = customers.filter(({ churned }) => churned).length / customers.length
  // Three standard deviations of 20,000 draws.
  expect(Math.abs(observed - expected)).toBeLessThan(0.011)
})

test('every order belongs to a session, a customer and a product of the shop', () => {
  const { customers, products, events } = day(1)
  const sessions = new Set(events.filter(({ stream }) => stream === 'shop_sessions').map(({ row }) => row['session']))
  const orders = events.filter(({ stream }) => stream === 'shop_orders')
  expect(orders.length).toBeGreaterThan(400)
  for (const { row } of orders) {
    expect(sessions.has(row['session'])).toBe(true)
    expect(customers.some(({ customer }) => customer === row['customer'])).toBe(true)
    expect(products.some(({ product }) => product === row['product'])).toBe(true)
  }
})
