/**
 * A gRPC client that knows nothing of Edgewise but an address: what may be called, it learns by server reflection. It runs
 * in a process of its own, and prints what came of each step as a line of JSON.
 *
 *   echo '{"address": "127.0.0.1:8789", "key": "ew_…", "steps": [{"method": "…/…", "request": {}}]}' | node reflecting-client.ts
 */
import { text } from 'node:stream/consumers'
import {
  createFileRegistry,
  type DescService,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'

export interface Step {
  /** `edgewise.query.v1.QueryService/RunSql`. */
  readonly method: string
  readonly request: JsonValue
  readonly withoutKey?: boolean
  readonly deadlineMs?: number
  readonly cancelAfterMs?: number
  /** So many of them at once. */
  readonly times?: number
}

/** Of each call: gRPC's number (0: it went well), how long it took, and the messages that came. */
export interface Outcome {
  readonly code: number
  readonly details: string
  readonly tookMs: number
  readonly answers: readonly JsonValue[]
}

const { address, key, steps } = JSON.parse(await text(process.stdin)) as {
  readonly address: string
  readonly key: string
  readonly steps: readonly Step[]
}
const client = new Client(address, credentials.createInsecure())

/** The files that say what a symbol is, by grpc.reflection.v1. */
function filesOf(symbol: string): Promise<readonly FileDescriptorProto[]> {
  const fileContainingSymbol = 4
  const call = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    (bytes) => Buffer.from(bytes),
    (bytes) => bytes,
  )
  return new Promise((resolve, reject) => {
    call.once('error', reject)
    call.once('data', (bytes: Uint8Array) => {
      call.end()
      const files = bytesOf(bytes, 4).flatMap((response) => bytesOf(response, 1))
      resolve(files.map((file) => fromBinary(FileDescriptorProtoSchema, file)))
    })
    call.write(new BinaryWriter().tag(fileContainingSymbol, WireType.LengthDelimited).string(symbol).finish())
  })
}

/** The values of one field of a message. */
function bytesOf(message: Uint8Array, wanted: number): readonly Uint8Array[] {
  const reader = new BinaryReader(message)
  const found: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === wanted) found.push(reader.bytes())
    else reader.skip(type, field)
  }
  return found
}

async function serviceOf(name: string): Promise<DescService> {
  const files = new Map((await filesOf(name)).map((file) => [file.name, file]))
  const main = [...files.values()].find((file) => file.service.some((one) => `${file.package}.${one.name}` === name))
  const found = main && createFileRegistry(main, (file) => files.get(file)).getService(name)
  if (found === undefined) throw new Error(`Reflection does not know ${name}.`)
  return found
}

async function call({ method: path, request, withoutKey, deadlineMs = 20_000, cancelAfterMs }: Step): Promise<Outcome> {
  const [serviceName = '', methodName] = path.split('/')
  const method = (await serviceOf(serviceName)).methods.find(({ name }) => name === methodName)
  if (method === undefined) throw new Error(`Reflection does not know ${path}.`)
  const metadata = new Metadata()
  if (withoutKey !== true) metadata.set('authorization', `Bearer ${key}`)
  const answers: JsonValue[] = []
  const began = performance.now()
  const error = await new Promise<Pick<ServiceError, 'code' | 'details'>>((resolve) => {
    // A unary call is a stream of one.
    const under = client.makeServerStreamRequest<Uint8Array, Uint8Array>(
      `/${path}`,
      (bytes) => Buffer.from(bytes),
      (bytes) => bytes,
      toBinary(method.input, fromJson(method.input, request)),
      metadata,
      { deadline: Date.now() + deadlineMs },
    )
    under.on('data', (bytes: Uint8Array) => answers.push(toJson(method.output, fromBinary(method.output, bytes))))
    under.once('error', resolve)
    under.once('end', () => resolve({ code: status.OK, details: '' }))
    if (cancelAfterMs !== undefined) setTimeout(() => under.cancel(), cancelAfterMs)
  })
  return { code: error.code, details: error.details, tookMs: performance.now() - began, answers }
}

for (const step of steps) {
  const outcomes = await Promise.all(Array.from({ length: step.times ?? 1 }, () => call(step)))
  process.stdout.write(`${JSON.stringify(outcomes)}\n`)
}
client.close()
