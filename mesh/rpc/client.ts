import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageInitShape,
} from '@bufbuild/protobuf'
import { Failure } from '../errors.ts'
import { policyOf } from '../policy.ts'
import type { CallOptions, Client } from './call.ts'
import { isServerStreaming, isUnary } from './mount.ts'
import { requestTooLarge } from './run.ts'

/** How a client's calls travel. Both reject with nothing but a Failure. */
export interface Transport {
  unary(method: DescMethodUnary, request: Message, options: CallOptions): Promise<Message>
  stream(method: DescMethodServerStreaming, request: Message, options: CallOptions): AsyncIterable<Message>
}

/** What a client sends with every call: fixed, or asked for call by call. A call's own metadata wins. */
export type Metadata = Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>)

/** A typed client over a transport. */
export function makeClient<S extends DescService>(desc: S, transport: Transport): Client<S> {
  const client: Record<string, unknown> = {}
  for (const method of desc.methods) {
    if (isUnary(method)) {
      client[method.localName] = (init: MessageInitShape<DescMessage>, options: CallOptions = {}) =>
        transport.unary(method, create(method.input, init), options)
    } else if (isServerStreaming(method)) {
      client[method.localName] = (init: MessageInitShape<DescMessage>, options: CallOptions = {}) =>
        transport.stream(method, create(method.input, init), options)
    }
  }
  return client as Client<S>
}

export function metadataOf(always: Metadata | undefined, options: CallOptions): Readonly<Record<string, string>> {
  const base = typeof always === 'function' ? always() : always
  if (options.metadata === undefined) return base ?? {}
  return base === undefined ? options.metadata : { ...base, ...options.metadata }
}

/** Refuses here what the server would refuse after all of it was sent. */
export function checkRequestSize(method: DescMethod, bytes: number): void {
  if (bytes > policyOf(method).maxRequestBytes) throw requestTooLarge(method)
}

export function answerUnreadable(method: DescMethod, cause?: unknown): Failure {
  return new Failure('internal.error', `The answer is not a ${method.output.typeName}.`, { cause })
}
