import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { create, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js'
import { service as health } from 'grpc-health-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Failure } from '#mesh/errors.ts'
import { interceptors } from '#mesh/rpc/interceptors.ts'
import { mount } from '#mesh/rpc/mount.ts'
import { connectGrpc } from '#mesh/rpc/node/client.ts'
import { type GrpcServer, startGrpcServer } from '#mesh/rpc/node/server.ts'
import { ActorSchema } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { QuerySchema, QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { services } from '../services.ts'

let server: GrpcServer
let raw: Client
let attempts: number
const silent = { debug: () => undefined, info: () => undefined, error: () => undefined }
const path = '/edgewise.query.v1.QueryService/DescribeQuery'

beforeEach(async () => {
  attempts = 0
  const { query, ingest } = services({
    query: {
      async describeQuery({ name }) {
        attempts++
        if (name === 'flaky' && attempts < 3) throw new Failure('warehouse.restarted', 'Just now.')
        if (name === 'half a second') await sleep(500)
        if (name === 'deaf') await sleep(60_000, undefined, { ref: false })
        if (name === 'huge') return create(QuerySchema, { sql: 'x'.repeat(17 << 20) })
        return create(QuerySchema, { name })
      },
      async putQuery() {
        attempts++
        throw new Failure('warehouse.restarted', 'Just now.')
      },
    },
  })
  server = await startGrpcServer({
    address: '127.0.0.1:0',
    services: [mount(QueryService, query), mount(IngestService, ingest)],
    interceptors: interceptors({ authenticate: async () => create(ActorSchema), log: silent }),
    limits: { graceMs: 1_000 },
  })
  raw = new Client(server.address, credentials.createInsecure())
})
afterEach(async () => {
  raw.close()
  await server.close()
})

/** One call by plain grpc-js, as any other program would make it. */
function call(
  to: string,
  request: Buffer,
): Promise<{ error: ServiceError | null; answer: Buffer | undefined; trailers: Metadata }> {
  return new Promise((resolve) => {
    let trailers = new Metadata()
    let result: { error: ServiceError | null; answer: Buffer | undefined }
    raw
      .makeUnaryRequest(
        to,
        asIs,
        asIs,
        request,
        new Metadata(),
        {},
        (error, answer) => void (result = { error, answer }),
      )
      .on('status', (status) => {
        trailers = status.metadata
        setImmediate(() => resolve({ ...result, trailers }))
      })
  })
}
const asIs = (bytes: Buffer): Buffer => bytes

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('It is absent.')
  return value
}

test('health says whether it serves, for the server and for each service', async () => {
  const check = async (service: string): Promise<unknown> => {
    const { requestSerialize, responseDeserialize, path: to } = given(health['Check'])
    const { answer, error } = await call(to, requestSerialize({ service }))
    return error?.code ?? (responseDeserialize(answer ?? Buffer.alloc(0)) as { status: string }).status
  }
  expect(await check('')).toBe('NOT_SERVING')
  server.setServing(true)
  expect(await check('')).toBe('SERVING')
  expect(await check('edgewise.query.v1.QueryService')).toBe('SERVING')
  expect(await check('nobody.Knows')).toBe(5)
})

test.each(['v1', 'v1alpha'])(
  'reflection %s lists the services and describes them, the health service, and problems',
  async (version) => {
    const require = createRequire(import.meta.resolve('@grpc/reflection'))
    const { loadSync } = require('@grpc/proto-loader') as { loadSync(file: string, options: object): never }
    const proto = require.resolve(`@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`)
    type Reply = {
      list_services_response?: { service: { name: string }[] }
      file_descriptor_response?: { file_descriptor_proto: Buffer[] }
    }
    const loaded = loadPackageDefinition(loadSync(proto, { keepCase: true })) as unknown as {
      grpc: {
        reflection: Record<
          string,
          {
            ServerReflection: new (...args: unknown[]) => Client & {
              ServerReflectionInfo(): NodeJS.EventEmitter & { write(request: object): void; end(): void }
            }
          }
        >
      }
    }
    const Reflection = given(loaded.grpc.reflection[version]).ServerReflection
    const client = new Reflection(server.address, credentials.createInsecure())
    const ask = (request: object): Promise<Reply> =>
      new Promise((resolve, reject) => {
        const stream = client.ServerReflectionInfo()
        stream.on('data', (reply: Reply) => {
          resolve(reply)
          stream.end()
        })
        stream.on('error', reject)
        stream.write(request)
      })
    const listed = await ask({ list_services: '*' })
    expect(listed.list_services_response?.service.map(({ name }) => name).sort()).toEqual([
      'edgewise.ingest.v1.IngestService',
      'edgewise.query.v1.QueryService',
      'grpc.health.v1.Health',
    ])
    for (const symbol of ['edgewise.query.v1.QueryService', 'edgewise.problem.v1.Problem', 'grpc.health.v1.Health']) {
      const { file_descriptor_response: files } = await ask({ file_containing_symbol: symbol })
      const [file] = (files?.file_descriptor_proto ?? []).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
      expect(symbol.startsWith(file?.package ?? 'nothing')).toBe(true)
    }
    client.close()
  },
)

test('any gRPC client gets code, message, google.rpc.Status and the request id', async () => {
  const { error } = await call(path, Buffer.from([0xff, 0xff]))
  expect(error).toMatchObject({
    code: 3,
    details: 'The request is not a serialized edgewise.query.v1.DescribeQueryRequest.',
  })
  expect(error?.metadata.get('grpc-status-details-bin')[0]).toBeInstanceOf(Buffer)
  expect(String(error?.metadata.get('grpc-status-details-bin')[0])).toMatch(/req_[0-9a-f]{12}/)
})

test('a request over the limit is refused for any client, by the method’s own limit', async () => {
  const { error } = await call(path, Buffer.alloc((1 << 20) + 1))
  expect(error?.code).toBe(3)
  expect(error?.details).toContain('1048576 bytes')
  expect(attempts).toBe(0)
})

test('an answer over the limit is a failure that says so', async () => {
  using client = connectGrpc(QueryService, { address: server.address })
  await expect(client.describeQuery({ name: 'huge' })).rejects.toMatchObject({ problem: 'limit.response' })
})

test('an idempotent call is retried while the server is unavailable, another is not', async () => {
  using client = connectGrpc(QueryService, { address: server.address })
  expect((await client.describeQuery({ name: 'flaky' })).name).toBe('flaky')
  expect(attempts).toBe(3)
  await expect(client.putQuery({ name: 'a' })).rejects.toMatchObject({ problem: 'warehouse.restarted' })
  expect(attempts).toBe(4)
})

test('a stop lets calls in flight end, and cuts off the ones that do not', async () => {
  using client = connectGrpc(QueryService, { address: server.address })
  const inTime = client.describeQuery({ name: 'half a second' })
  const never = client.describeQuery({ name: 'deaf' })
  const cut = expect(never).rejects.toBeInstanceOf(Failure)
  await expect.poll(() => attempts).toBe(2)
  const began = performance.now()
  const closed = server.close()
  expect((await inTime).name).toBe('half a second')
  await closed
  expect(performance.now() - began).toBeLessThan(3_000)
  await cut
})
