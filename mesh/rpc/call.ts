import type {
  DescMethod,
  MessageInitShape,
  MessageShape,
  DescService,
  DescMethodUnary,
  DescMethodServerStreaming,
} from '@bufbuild/protobuf'
import type { Failure } from '../errors.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'

/** The other end of a connection, as the transport knows it. */
export interface Peer {
  /** Empty where there is none. */
  readonly address: string
  /** Of its certificate, where that was signed by an authority that is trusted with services. */
  readonly spiffeId: string | undefined
}

/** One call as a server sees it, the same whichever transport brought it. Filled in by the interceptors, in their order. */
export interface Call {
  readonly method: DescMethod
  /** Lower-case metadata as it came. */
  readonly metadata: ReadonlyMap<string, string>
  /** Absent in memory. */
  readonly peer?: (() => Peer) | undefined
  requestId: string
  /** W3C trace context to pass on. */
  traceparent: string
  /** When it arrived, by `performance.now()`. */
  readonly startedAt?: number
  /** Milliseconds since 1970; no call is without one. On a running call, setting it sets the clock that aborts the signal. */
  deadline: number
  /** Aborts when the caller goes away or the deadline passes. */
  readonly signal: AbortSignal
  /** Who is asking. Absent only for methods that the authentication interceptor lists as open. */
  actor: Actor | undefined
  /** Sent back after the answer. */
  readonly trailers: Map<string, string>
}

/** What surrounds every call. Hooks rather than a wrapper, so that unary and streaming calls share them. */
export interface Interceptor {
  readonly name: string
  /** Before the handler, in order. A Failure thrown here is the answer. */
  begin?(call: Call): void | Promise<void>
  /** After the last message or the failure, in reverse order. A failure may be replaced by returning another. */
  end?(call: Call, failure: Failure | undefined): Failure | undefined | void
}

export type UnaryHandler<M extends DescMethodUnary> = (
  request: MessageShape<M['input']>,
  call: Call,
) => Promise<MessageShape<M['output']>>

export type StreamHandler<M extends DescMethodServerStreaming> = (
  request: MessageShape<M['input']>,
  call: Call,
) => AsyncIterable<MessageShape<M['output']>>

/** A service written once as plain functions; every transport mounts it. */
export type Service<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary
    ? UnaryHandler<S['method'][K]>
    : S['method'][K] extends DescMethodServerStreaming
      ? StreamHandler<S['method'][K]>
      : never
}

/** What travels with a call from the calling side. */
export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>
  /** Milliseconds from now; absent means the policy's timeout for the service. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Whom it is made for (a workspace): where there is too much, all of them get the same. */
  readonly share?: string
}

/** A typed client: the mirror of Service. Failures arrive as `Failure`. */
export type Client<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary
    ? (
        request: MessageInitShape<S['method'][K]['input']>,
        options?: CallOptions,
      ) => Promise<MessageShape<S['method'][K]['output']>>
    : S['method'][K] extends DescMethodServerStreaming
      ? (
          request: MessageInitShape<S['method'][K]['input']>,
          options?: CallOptions,
        ) => AsyncIterable<MessageShape<S['method'][K]['output']>>
      : never
}
