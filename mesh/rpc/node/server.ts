import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { type Code, Failure, toFailure } from '../../errors.ts'
import { largestMessage } from '../../policy.ts'
import { spiffeIdOf } from '../../spiffe.ts'
import type { Interceptor, Peer } from '../call.ts'
import { type Mounted, type MountedMethod, pathOf } from '../mount.ts'
import { detailsKey, toStatus } from '../problem.ts'
import { deadlinePassed, decodeRequest, encodeAnswer, OpenCall, runStream, runUnary } from '../run.ts'
import { reflectionOf } from './reflection.ts'

export interface GrpcLimits {
  /** Calls in flight on one connection; more wait. */
  readonly maxStreamsPerConnection?: number
  /** A connection that does not answer a ping within a third of this is closed. */
  readonly keepaliveMs?: number
  /** How long `close` lets calls in flight end by themselves. */
  readonly graceMs?: number
}

/** In PEM. With it, only clients come in whose certificate one of the authorities signed. */
export interface GrpcTls {
  readonly certificate: Buffer
  readonly key: Buffer
  readonly clientAuthorities: Buffer
}

export interface GrpcServer {
  /** What clients connect to, with the port that was chosen where 0 was asked for. */
  readonly address: string
  /** What `grpc.health.v1` answers, for the server and each of its services. */
  setServing(serving: boolean): void
  /** Says that it is not serving, takes no more calls, lets those in flight end, then cuts the rest off. */
  close(): Promise<void>
}

/** Serves over gRPC, with health and reflection. `address`: `127.0.0.1:0`, `unix:/path`. Not serving until told so. */
export async function startGrpcServer({
  address,
  services,
  interceptors,
  tls,
  limits: { maxStreamsPerConnection = 1_000, keepaliveMs = 30_000, graceMs = 10_000 } = {},
}: {
  readonly address: string
  readonly services: readonly Mounted[]
  readonly interceptors: readonly Interceptor[]
  readonly tls?: GrpcTls | undefined
  readonly limits?: GrpcLimits
}): Promise<GrpcServer> {
  const methods = services.flatMap((mounted) => mounted.methods)
  const largest = largestMessage(methods.map(({ method }) => method))
  const server = new Server({
    'grpc.max_receive_message_length': largest.requestBytes,
    'grpc.max_send_message_length': largest.responseBytes,
    'grpc.max_concurrent_streams': maxStreamsPerConnection,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': Math.ceil(keepaliveMs / 3),
  })
  for (const mounted of services) {
    const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {}
    const implementation: UntypedServiceImplementation = {}
    for (const entry of mounted.methods) {
      definition[entry.method.name] = bytesMethod(entry)
      implementation[entry.method.name] =
        entry.kind === 'unary' ? answerUnary(entry, interceptors) : answerStream(entry, interceptors)
    }
    server.addService(definition, implementation)
  }
  const health = new HealthImplementation({})
  health.addToServer(server)
  reflectionOf(services.map(({ desc }) => desc)).addToServer(server)

  function setServing(serving: boolean): void {
    for (const name of ['', ...services.map(({ desc }) => desc.typeName)]) {
      health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
    }
  }
  setServing(false)

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentialsOf(tls), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  return {
    address: address.replace(/:0$/, `:${port}`),
    setServing,
    close() {
      setServing(false)
      return new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), graceMs)
        server.tryShutdown(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
  }
}

function credentialsOf(tls: GrpcTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  const { certificate, key, clientAuthorities } = tls
  return ServerCredentials.createSsl(clientAuthorities, [{ cert_chain: certificate, private_key: key }], true)
}

/** Bytes in, bytes out: decoding is inside the interceptors, so that a bad message is a failure like any other. */
function bytesMethod({ kind, method }: MountedMethod): MethodDefinition<Buffer, Buffer> {
  return {
    path: pathOf(method),
    requestStream: false,
    responseStream: kind === 'server_streaming',
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (bytes) => bytes,
    responseDeserialize: (bytes) => bytes,
  }
}

function answerUnary(
  { method, handler }: MountedMethod & { kind: 'unary' },
  interceptors: readonly Interceptor[],
): handleUnaryCall<Buffer, Buffer> {
  return (surface, callback) => {
    const { open, settle } = arrive(method, surface)
    const answering = runUnary({
      open,
      interceptors,
      handler,
      request: () => decodeRequest(method, surface.request),
      answer: (message) => toBuffer(encodeAnswer(method, message)),
    })
    void (async () => {
      try {
        const bytes = await answering
        settle()
        callback(null, bytes, open.trailers.size === 0 ? undefined : trailersOf(open))
      } catch (thrown) {
        settle()
        callback(errorOf(thrown, open))
      }
    })()
  }
}

function answerStream(
  { method, handler }: MountedMethod & { kind: 'server_streaming' },
  interceptors: readonly Interceptor[],
): handleServerStreamingCall<Buffer, Buffer> {
  return (surface) => {
    const { open, settle } = arrive(method, surface)
    const answers = runStream({
      open,
      interceptors,
      handler,
      request: () => decodeRequest(method, surface.request),
      answer: (message) => toBuffer(encodeAnswer(method, message)),
    })
    void (async () => {
      try {
        for await (const bytes of answers) {
          if (!surface.write(bytes)) await drained(surface)
        }
        settle()
        surface.end(trailersOf(open))
      } catch (thrown) {
        settle()
        surface.emit('error', errorOf(thrown, open))
      }
    })()
  }
}

type Surface = ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>

function arrive(method: MountedMethod['method'], surface: Surface): { open: OpenCall; settle: () => void } {
  const metadata = new Map<string, string>()
  const sent = surface.metadata.getMap()
  for (const name in sent) {
    const value = sent[name]
    if (typeof value === 'string') metadata.set(name, value)
  }
  const deadline = Number(surface.getDeadline())
  const open = new OpenCall(method, metadata, deadline, () => peerOf(surface))
  let settled = false
  surface.on('cancelled', () => {
    // grpc-js also says so after every answer, and when it has enforced the deadline itself.
    if (settled) return
    open.cancel(Date.now() >= deadline ? deadlinePassed() : new Failure('request.cancelled', 'The caller went away.'))
  })
  return { open, settle: () => void (settled = true) }
}

function peerOf(surface: Surface): Peer {
  return {
    address: surface.getPeer().replace(/:\d+$/, ''),
    spiffeId: spiffeIdOf(surface.getAuthContext().sslPeerCertificate?.subjectaltname),
  }
}

/** Resolves also when the call is cancelled: the next step of the run finds its signal aborted. */
function drained(surface: ServerWritableStream<Buffer, Buffer>): Promise<void> {
  if (surface.cancelled) return Promise.resolve()
  return new Promise((resolve) => {
    const go = (): void => {
      surface.off('drain', go)
      surface.off('cancelled', go)
      resolve()
    }
    surface.on('drain', go)
    surface.on('cancelled', go)
  })
}

function trailersOf(call: OpenCall): Metadata {
  const trailers = new Metadata()
  for (const [name, value] of call.trailers) trailers.set(name, value)
  return trailers
}

function errorOf(thrown: unknown, open: OpenCall): ServerErrorResponse {
  const failure = toFailure(thrown)
  const { message, details, retryPushbackMs } = toStatus(failure, open.requestId)
  const metadata = trailersOf(open)
  metadata.set(detailsKey, toBuffer(details))
  if (retryPushbackMs !== undefined) metadata.set('grpc-retry-pushback-ms', String(Math.ceil(retryPushbackMs)))
  const code = status[failure.code.toUpperCase() as Uppercase<Code>]
  return { name: 'Error', message, code, details: message, metadata }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
