import { type DescMethod, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { pathOf } from '#mesh/rpc/mount.ts'

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
const asIs = (bytes: Buffer): Buffer => bytes
const withinMs = 10_000

/** A gRPC client without anything of ours: what it is told are the codes of the specification. */
export function connectBare(address: string, by: ChannelCredentials = credentials.createInsecure()) {
  const client = new Client(address, by)
  return {
    [Symbol.dispose]: () => client.close(),

    /** The code of a call, by an empty request where none is given; 0: it went well. */
    call(
      method: DescMethod,
      key: string | null,
      headers: Readonly<Record<string, string>> = {},
      request: JsonValue = {},
    ): Promise<number> {
      const metadata = new Metadata()
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
      if (key !== null) metadata.set('authorization', `Bearer ${key}`)
      const options = { deadline: Date.now() + withinMs }
      const bytes = toBinary(method.input, fromJson(method.input, request))
      return new Promise((resolve) => {
        const done = (error: ServiceError | null): void => resolve(error?.code ?? 0)
        if (method.methodKind === 'unary') {
          client.makeUnaryRequest(pathOf(method), asBuffer, asIs, bytes, metadata, options, done)
          return
        }
        const call = client.makeServerStreamRequest(pathOf(method), asBuffer, asIs, bytes, metadata, options)
        call.on('data', () => undefined)
        call.on('error', done)
        call.on('end', () => done(null))
      })
    },

    /** Names of the services that there are, by grpc.reflection.v1. */
    services(): Promise<readonly string[]> {
      const call = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        asBuffer,
        asIs,
      )
      return new Promise((resolve, reject) => {
        call.once('error', reject)
        call.once('data', (bytes: Uint8Array) => {
          call.end()
          const services = bytesOf(bytes, 6).flatMap((list) => bytesOf(list, 1))
          resolve(services.flatMap((service) => bytesOf(service, 1)).map((name) => new TextDecoder().decode(name)))
        })
        const listServices = 7
        call.write(new BinaryWriter().tag(listServices, WireType.LengthDelimited).string('*').finish())
      })
    },
  }
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
