import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { type Client } from '#mesh/client/index.ts'
import { type Cli, type CommonFlags, gateway, whole, withGateway } from './command.ts'
import { demoQueries } from './demo/queries.ts'
import { createShop, type ShopEvent } from './demo/shop.ts'

interface Flags extends CommonFlags {
  readonly rate: number
  readonly seconds: number
  readonly seed: number
}

const tickMs = 200

export function demo(cli: Cli): Command {
  return withGateway(
    new Command('demo')
      .description('send the events of a simulated shop, and publish queries over them')
      .addOption(new Option('--rate <n>', 'events a second').argParser(whole(1, 50_000)).default(200))
      .addOption(new Option('--seconds <n>', 'for how long').argParser(whole(1, 86_400)).default(30))
      .addOption(new Option('--seed <n>', 'another shop').argParser(whole(0, 2 ** 32 - 1)).default(1)),
    `edgewise demo
    edgewise demo --rate 5000 --seconds 600`,
  ).action(async (flags: Flags) => {
    const { terminal } = cli
    const client = gateway(flags, cli)
    const began = Date.now()
    const shop = createShop({ seed: flags.seed, startMs: began })
    terminal.note(
      'The shop is simulated: customers, products, sessions and orders are made up, and churn is drawn with a known probability.',
    )
    await client.ingest('shop_customers', shop.customers, { wait: true })
    await client.ingest('shop_products', shop.products, { wait: true })
    const sent = { shop_sessions: 0, shop_orders: 0 }
    let published = false
    const total = flags.rate * flags.seconds
    for (let produced = 0; produced < total && !terminal.signal.aborted;) {
      const due = Math.min(total, Math.ceil(((Date.now() - began + tickMs) / 1000) * flags.rate))
      const events: ShopEvent[] = []
      while (produced + events.length < due) events.push(...shop.next(Date.now()))
      produced += events.length
      await send(client, events, sent, !published)
      if (!published && sent.shop_orders > 0) {
        for (const [name, definition] of Object.entries(demoQueries)) await client.queries.put(name, definition)
        published = true
        terminal.note(tryThese(client.url))
      }
      if (terminal.interactive && flags.json !== true)
        process.stderr.write(`\r${sent.shop_sessions} sessions, ${sent.shop_orders} orders `)
      await sleep(tickMs, undefined, { signal: terminal.signal }).catch(() => undefined)
    }
    if (terminal.interactive) terminal.note('')
    const done = {
      simulated: true,
      seed: flags.seed,
      customers: shop.customers.length,
      products: shop.products.length,
      ...sent,
      queries: published ? Object.keys(demoQueries) : [],
    }
    await terminal.out(
      flags.json
        ? `${JSON.stringify(done)}\n`
        : `${sent.shop_sessions} sessions and ${sent.shop_orders} orders of ${done.customers} simulated customers were sent.\n`,
    )
  })
}

async function send(
  client: Client,
  events: readonly ShopEvent[],
  sent: { shop_sessions: number; shop_orders: number },
  wait: boolean,
): Promise<void> {
  for (const stream of ['shop_sessions', 'shop_orders'] as const) {
    const rows = events.filter((event) => event.stream === stream).map(({ row }) => row)
    if (rows.length === 0) continue
    sent[stream] += (await client.ingest(stream, rows, { wait })).accepted
  }
}

function tryThese(url: string): string {
  return `Published: ${Object.keys(demoQueries).join(', ')}. Try, with the key in EDGEWISE_KEY:

  curl -s -H "Authorization: Bearer $EDGEWISE_KEY" ${url}/v1/endpoints/shop_revenue.csv
  curl -s -H "Authorization: Bearer $EDGEWISE_KEY" '${url}/v1/endpoints/shop_top_products.json?category=books'
  npx edgewise call shop_churn
`
}
