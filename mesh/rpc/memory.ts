import { clone, type DescService, type Message } from '@bufbuild/protobuf'
import { Failure } from '../errors.ts'
import { timeoutOf } from '../policy.ts'
import type { CallOptions, Client, Interceptor, Service } from './call.ts'
import { makeClient, type Metadata, metadataOf } from './client.ts'
import { mount, type MountedMethod } from './mount.ts'
import { abortReason, OpenCall, runStream, runUnary } from './run.ts'

/**
 * A client of a service in the same process: no bytes and no socket, but the same interceptors, deadlines and failures.
 * Messages are copied on their way in and out, so that neither side sees what the other does to its copy; a failure
 * arrives without its cause, as it would from another machine. Message sizes are not bounded here: nothing is buffered.
 */
export function connectMemory<S extends DescService>(
  desc: S,
  service: Service<S>,
  { interceptors, metadata }: { readonly interceptors: readonly Interceptor[]; readonly metadata?: Metadata },
): Client<S> {
  const mounted = new Map(mount(desc, service).methods.map((method) => [method.method.localName, method]))

  function start(to: MountedMethod, options: CallOptions): { open: OpenCall; release: () => void } {
    const sent = Object.entries(metadataOf(metadata, options))
    const open = new OpenCall(
      to.method,
      new Map(sent.map(([name, value]) => [name.toLowerCase(), value])),
      Date.now() + timeoutOf(to.method, options.timeoutMs),
    )
    const { signal } = options
    if (signal === undefined) return { open, release: () => undefined }
    const abort = (): void => open.cancel(abortReason(signal))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    return { open, release: () => signal.removeEventListener('abort', abort) }
  }

  return makeClient(desc, {
    async unary(method, request, options) {
      const to = mounted.get(method.localName)
      if (to?.kind !== 'unary') throw unoffered(method.name)
      const { open, release } = start(to, options)
      const copy = clone(method.input, request)
      try {
        return await runUnary({
          open,
          interceptors,
          handler: to.handler,
          request: () => copy,
          answer: (message) => clone(method.output, message),
        })
      } catch (thrown) {
        throw withoutCause(thrown)
      } finally {
        release()
      }
    },
    async *stream(method, request, options): AsyncGenerator<Message, void, undefined> {
      const to = mounted.get(method.localName)
      if (to?.kind !== 'server_streaming') throw unoffered(method.name)
      const { open, release } = start(to, options)
      const copy = clone(method.input, request)
      try {
        yield* runStream({
          open,
          interceptors,
          handler: to.handler,
          request: () => copy,
          answer: (message) => clone(method.output, message),
        })
      } catch (thrown) {
        throw withoutCause(thrown)
      } finally {
        release()
      }
    },
  })
}

function unoffered(name: string): Failure {
  return new Failure('internal.unimplemented', `${name} is not offered.`)
}

function withoutCause(thrown: unknown): unknown {
  if (!(thrown instanceof Failure)) return thrown
  const { problem, message, hint, errors, retryAfterMs } = thrown
  return new Failure(problem, message, { hint, errors, ...(retryAfterMs !== undefined && { retryAfterMs }) })
}
