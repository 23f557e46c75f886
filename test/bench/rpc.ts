/**
 * What our gRPC costs: unary calls a second of this server and client, with every interceptor, against bare grpc-js
 * with the same message. Each server and each client is a process of its own; rounds alternate; medians are compared.
 *
 *   node test/bench/rpc.ts
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import pino from 'pino'
import { interceptors } from '#mesh/rpc/interceptors.ts'
import { mount } from '#mesh/rpc/mount.ts'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { startGrpcServer } from '#mesh/rpc/node/server.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { DescribeQueryRequestSchema, QuerySchema, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { services } from '../mesh/rpc/services.ts'

const rounds = 7
const roundMs = 2_500
const concurrency = 32
const path = '/edgewise.query.v1.QueryService/DescribeQuery'

const answer = create(QuerySchema, {
  name: 'requests_per_hour',
  version: 3,
  sql: 'SELECT toStartOfHour(time) AS hour, count() AS requests FROM requests WHERE path LIKE {prefix:String} GROUP BY hour',
  parameters: [{ name: 'prefix', type: 'String', defaultValue: '/%', description: 'Of the path.' }],
  cache: { ttlSeconds: 60, staleWhileRevalidateSeconds: 60, staleIfErrorSeconds: 600 },
  columns: [
    { name: 'hour', type: 'DateTime' },
    { name: 'requests', type: 'UInt64' },
  ],
  live: true,
})

const servers = {
  async ours(): Promise<string> {
    const actor = create(ActorSchema, { workspace: 'main', id: 'key_1', scopes: ['queries:read'] })
    const { query } = services({ query: { describeQuery: async () => answer } })
    const server = await startGrpcServer({
      address: '127.0.0.1:0',
      services: [mount(QueryService, query)],
      interceptors: interceptors({
        authenticate: async () => actor,
        log: pino({ level: 'info' }),
        metrics: { observe: () => undefined },
      }),
    })
    return server.address
  },
  async bare(): Promise<string> {
    const server = new Server()
    server.register(
      path,
      (_call: unknown, callback: (error: null, value: typeof answer) => void) => callback(null, answer),
      (message: typeof answer) => Buffer.from(toBinary(QuerySchema, message)),
      (bytes: Buffer) => fromBinary(DescribeQueryRequestSchema, bytes),
      'unary',
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    return `127.0.0.1:${port}`
  },
}

const clients = {
  ours(address: string): () => Promise<unknown> {
    const client = connectGrpc(QueryService, { address, credential: 'ew_bench' })
    return () => client.describeQuery({ name: 'requests_per_hour' })
  },
  bare(address: string): () => Promise<unknown> {
    const client = new Client(address, credentials.createInsecure())
    return () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          (message: ReturnType<typeof request>) => Buffer.from(toBinary(DescribeQueryRequestSchema, message)),
          (bytes: Buffer) => fromBinary(QuerySchema, bytes),
          request(),
          (error, value) => (error === null ? resolve(value) : reject(error)),
        )
      })
  },
}

const request = () => create(DescribeQueryRequestSchema, { name: 'requests_per_hour' })

/** Calls a second of one round. */
async function round(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  let calls = 0
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() - began < roundMs) {
        await call()
        calls++
      }
    }),
  )
  return (calls * 1000) / (performance.now() - began)
}

type Side = keyof typeof servers
const [role, side, address] = process.argv.slice(2)

if (role === 'server') {
  process.send?.(await servers[side as Side]())
  process.on('disconnect', () => process.exit())
} else if (role === 'client') {
  const call = clients[side as Side](address ?? '')
  process.on('message', () => void round(call).then((rate) => process.send?.(rate)))
  process.on('disconnect', () => process.exit())
} else {
  const start = (...args: string[]) => fork(fileURLToPath(import.meta.url), args)
  const sides = ['ours', 'bare'] as const
  const started = []
  const rates: Record<Side, number[]> = { ours: [], bare: [] }
  const runners = new Map<Side, ReturnType<typeof start>>()
  for (const name of sides) {
    const server = start('server', name)
    const [listening] = (await once(server, 'message')) as [string]
    const client = start('client', name, listening)
    runners.set(name, client)
    started.push(server, client)
  }
  for (let i = 0; i <= rounds; i++) {
    for (const name of i % 2 === 0 ? sides : [...sides].reverse()) {
      const runner = runners.get(name)
      if (runner === undefined) continue
      runner.send('go')
      const [rate] = (await once(runner, 'message')) as [number]
      // The first round of each warms up.
      if (i > 0) rates[name].push(rate)
    }
  }
  for (const child of started) child.disconnect()
  const median = (list: number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0
  const line = (name: string, list: number[]): string =>
    `${name.padEnd(28)} ${median(list).toFixed(0).padStart(8)} calls/s   (${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)})`
  console.log(`${rounds} rounds of ${roundMs / 1000} s, ${concurrency} calls in flight, one process each way`)
  console.log(line('edgewise mesh, interceptors', rates.ours))
  console.log(line('bare grpc-js', rates.bare))
  console.log(`ratio of medians ${(median(rates.ours) / median(rates.bare)).toFixed(2)} (target 0.80)`)
}
