import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, DescService } from '@bufbuild/protobuf'
import type { Service, StreamHandler, UnaryHandler } from './call.ts'

/** A method and what answers it, with their types forgotten: what a transport dispatches to. */
export type MountedMethod =
  | {
      readonly kind: 'unary'
      readonly method: DescMethodUnary
      readonly handler: UnaryHandler<DescMethodUnary>
    }
  | {
      readonly kind: 'server_streaming'
      readonly method: DescMethodServerStreaming
      readonly handler: StreamHandler<DescMethodServerStreaming>
    }

export interface Mounted {
  readonly desc: DescService
  readonly methods: readonly MountedMethod[]
}

/** Pairs a service with its description, so that transports can take a list of them: `[mount(QueryService, query)]`. */
export function mount<S extends DescService>(desc: S, service: Service<S>): Mounted {
  const handlers = service as Readonly<Record<string, unknown>>
  return {
    desc,
    methods: desc.methods.map((method): MountedMethod => {
      const handler = handlers[method.localName]
      if (typeof handler !== 'function') throw new TypeError(`${pathOf(method)} has no handler.`)
      const bound: unknown = handler.bind(service)
      if (isUnary(method)) return { kind: 'unary', method, handler: bound as UnaryHandler<DescMethodUnary> }
      if (isServerStreaming(method)) {
        return { kind: 'server_streaming', method, handler: bound as StreamHandler<DescMethodServerStreaming> }
      }
      throw new TypeError(`${pathOf(method)} streams from the client, which is not offered.`)
    }),
  }
}

/** The path of a method in gRPC and gRPC-Web. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

export function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary'
}

export function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === 'server_streaming'
}
