import { type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import {
  Client as GrpcClient,
  type ClientReadableStream,
  credentials,
  Metadata as GrpcMetadata,
  type ServiceError,
  type StatusObject,
  status,
} from '@grpc/grpc-js'
import { Failure } from '../../errors.ts'
import { largestMessage, serviceConfig, timeoutOf } from '../../policy.ts'
import type { CallOptions, Client } from '../call.ts'
import { answerUnreadable, checkRequestSize, makeClient, type Metadata, metadataOf } from '../client.ts'
import { pathOf } from '../mount.ts'
import { detailsKey, fromStatus } from '../problem.ts'
import { abortReason } from '../run.ts'
import type { GrpcTls } from './server.ts'

export interface GrpcClientOptions {
  /** `127.0.0.1:50051`, `unix:/path`, or `dns:///name:port` for all instances behind a name. */
  readonly address: string
  /** Sent as `Authorization: Bearer …`. */
  readonly credential?: string
  readonly metadata?: Metadata
  /** What it shows, and who may have signed what the server shows; without it plain. */
  readonly tls?: GrpcTls | undefined
}

/**
 * A client over gRPC with the policy in force as service config: deadlines, retries of idempotent methods and their
 * throttle, and, where the address stands for several instances, outlier detection. Clients of one address share a connection.
 */
export function connectGrpc<S extends DescService>(
  desc: S,
  { address, credential, metadata, tls }: GrpcClientOptions,
): Client<S> & Disposable {
  const client = new GrpcClient(address, credentialsOf(tls), {
    'grpc.service_config': JSON.stringify(serviceConfig({ balanced: address.startsWith('dns:') })),
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': largestMessage(desc.methods).responseBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 5_000,
  })

  const always = new GrpcMetadata()
  if (credential !== undefined) always.set('authorization', `Bearer ${credential}`)

  function metadataFor(options: CallOptions): GrpcMetadata {
    // What every call sends is made once: grpc-js takes a copy of it.
    if (metadata === undefined && options.metadata === undefined) return always
    const sent = always.clone()
    for (const [name, value] of Object.entries(metadataOf(metadata, options))) sent.set(name, value)
    return sent
  }

  const typed = makeClient(desc, {
    unary(method, request, options) {
      return new Promise((resolve, reject) => {
        const { signal } = options
        if (signal?.aborted === true) throw abortReason(signal)
        const bytes = serialize(method, request)
        // A call of the channel, without what Client wraps around one (an emitter, interceptors, the caller's stack):
        // a sixth of what a call costs here.
        const call = client
          .getChannel()
          .createCall(pathOf(method), Date.now() + timeoutOf(method, options.timeoutMs), null, null, null)
        const abort = (): void => call.cancelWithStatus(status.CANCELLED, 'Cancelled on client')
        let answer: Buffer | undefined
        call.start(metadataFor(options), {
          onReceiveMetadata: () => undefined,
          onReceiveMessage: (message: Buffer) => void (answer = message),
          onReceiveStatus(end) {
            signal?.removeEventListener('abort', abort)
            try {
              if (end.code !== status.OK) throw failureOf(end, method, signal)
              resolve(deserialize(method, answer))
            } catch (failure) {
              reject(failure)
            }
          },
        })
        call.startRead()
        call.sendMessageWithContext({}, bytes)
        call.halfClose()
        signal?.addEventListener('abort', abort, { once: true })
      })
    },

    async *stream(method, request, options): AsyncGenerator<Message, void, undefined> {
      const { signal } = options
      if (signal?.aborted === true) throw abortReason(signal)
      const call = client.makeServerStreamRequest<Buffer, Buffer>(
        pathOf(method),
        asIs,
        asIs,
        serialize(method, request),
        metadataFor(options),
        { deadline: Date.now() + timeoutOf(method, options.timeoutMs) },
      )
      const abort = (): void => call.cancel()
      signal?.addEventListener('abort', abort, { once: true })
      try {
        for await (const bytes of messagesOf(call, method, signal)) yield deserialize(method, bytes)
      } finally {
        signal?.removeEventListener('abort', abort)
        call.cancel()
      }
    },
  })
  return Object.assign(typed, { [Symbol.dispose]: () => client.close() })
}

function credentialsOf(tls: GrpcTls | undefined) {
  if (tls === undefined) return credentials.createInsecure()
  return credentials.createSsl(tls.clientAuthorities, tls.key, tls.certificate)
}

/**
 * The messages of a stream, pulled: what is not asked for stays with the sender. Not the stream's own iterator, which
 * drops the messages that came before a failure.
 */
async function* messagesOf(
  call: ClientReadableStream<Buffer>,
  method: DescMethod,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  let failure: Failure | undefined
  let ended = false
  let wake: () => void = () => undefined
  call.on('readable', () => wake())
  call.on('error', (error: ServiceError) => {
    failure = failureOf(error, method, signal)
    wake()
  })
  call.on('end', () => {
    ended = true
    wake()
  })
  for (;;) {
    const bytes = call.read() as Buffer | null
    if (bytes !== null) yield bytes
    else if (failure !== undefined) throw failure
    else if (ended) return
    else await new Promise<void>((resolve) => (wake = resolve))
  }
}

function failureOf(error: StatusObject, method: DescMethod, signal: AbortSignal | undefined): Failure {
  if (signal?.aborted === true) return abortReason(signal)
  const details = error.metadata?.get(detailsKey)[0]
  const bytes = details instanceof Buffer ? details : undefined
  // grpc-js itself refuses what is over its limits, with a code that otherwise means "later".
  if (bytes === undefined && error.code === status.RESOURCE_EXHAUSTED && /larger than/.test(error.details)) {
    return error.details.startsWith('Received message larger')
      ? new Failure('limit.response', `The answer of ${method.name} is too large.`, { cause: error })
      : new Failure('request.too_large', `The request to ${method.name} is too large.`, { cause: error })
  }
  return fromStatus(error.code, error.details, bytes)
}

function serialize(method: DescMethod, request: Message): Buffer {
  const bytes = toBinary(method.input, request)
  checkRequestSize(method, bytes.byteLength)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function deserialize(method: DescMethod, bytes: Buffer | undefined): Message {
  try {
    if (bytes !== undefined) return fromBinary(method.output, bytes)
  } catch (cause) {
    throw answerUnreadable(method, cause)
  }
  throw answerUnreadable(method)
}

function asIs(bytes: Buffer): Buffer {
  return bytes
}
