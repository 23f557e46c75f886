import type { QueryDefinition } from '#mesh/client/index.ts'

/** Published by the demo, to have something to call. */
export const demoQueries: Readonly<Record<string, QueryDefinition>> = {
  shop_revenue: {
    description: 'Simulated shop: orders and revenue by minute',
    sql: `SELECT toStartOfMinute(time) AS minute, count() AS orders, round(sum(total), 2) AS revenue
FROM shop_orders
GROUP BY minute
ORDER BY minute DESC
LIMIT 60`,
    cache: { ttl_s: 2, swr_s: 10 },
  },
  shop_top_products: {
    description: 'Simulated shop: what sells best, in one category or in all',
    sql: `SELECT product, category, sum(quantity) AS sold, round(sum(total), 2) AS revenue
FROM shop_orders
WHERE {category:Nullable(String)} IS NULL OR category = {category:Nullable(String)}
GROUP BY product, category
ORDER BY revenue DESC
LIMIT 10`,
    params: { category: { description: 'books, games, kitchen, garden or music' } },
    cache: { ttl_s: 5, swr_s: 30 },
  },
  shop_churn: {
    description: 'Simulated shop: churn by plan, drawn and known',
    sql: `SELECT plan, count() AS customers, countIf(churned) AS churned, round(avg(churn_probability), 3) AS expected
FROM shop_customers
GROUP BY plan
ORDER BY plan`,
    cache: { ttl_s: 60 },
  },
}
