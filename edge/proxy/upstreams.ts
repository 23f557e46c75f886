import { Failure } from '#mesh/errors.ts'
import { type Breaker, createBreaker } from '#mesh/rpc/breaker.ts'
import { backoffMs, createRetryBudget, type RetryBudget } from '#mesh/rpc/retry.ts'
import { abortReason } from '#mesh/rpc/run.ts'
import type { Route } from '#proto/edgewise/config/v1/gateway_pb.ts'
import type { Background } from '../core.ts'
import type { Deadlines } from './deadlines.ts'

/** Reaches a service; `trusted` ones may have private addresses. */
export type Reach = (trusted: boolean, request: Request) => Promise<Response>

export interface Outgoing {
  readonly request: Request
  /** The body that is sent with it, where it can be sent again. */
  readonly body?: Uint8Array<ArrayBuffer>
  /** Undefined where nobody has to be told that the caller left: the runtime ends what it began for it. */
  readonly signal?: AbortSignal | undefined
  readonly background: Background
}

interface UpstreamsDeps {
  readonly reach: Reach
  readonly deadlines: Deadlines
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
}

const maxUpstreams = 5_000
/** https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2 */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
/** What stands in front of a service says so when the service itself does not answer. */
const gone: ReadonlySet<number> = new Set([502, 503, 504])

export function isIdempotent(method: string): boolean {
  return idempotent.has(method)
}

/** The services behind routes: how each of them fares, so that one that is gone costs nobody's time. */
export function createUpstreams({ reach, deadlines, now, sleep }: UpstreamsDeps) {
  const known = new Map<string, { readonly breaker: Breaker; readonly budget: RetryBudget }>()

  function of(workspace: string, { name, upstream }: Route) {
    const key = `${workspace}/${name} ${upstream}`
    let found = known.get(key)
    if (found === undefined) {
      found = { breaker: createBreaker(now, words(name)), budget: createRetryBudget() }
      if (known.size >= maxUpstreams) known.clear()
      known.set(key, found)
    }
    return found
  }

  async function attempt(route: Route, { request, body, signal, background }: Outgoing, deadline: number) {
    let response: Response | undefined
    try {
      const init = { ...(body !== undefined && { body }), ...(signal !== undefined && { signal }) }
      const again = body === undefined && signal === undefined ? request : new Request(request, init)
      response = await deadlines.within(reach(route.trusted, again), deadline, background)
    } catch (cause) {
      throw new Failure('upstream.failed', `The service of \`${route.name}\` could not be reached.`, { cause })
    }
    if (response !== undefined) return response
    throw new Failure('upstream.timeout', `The service of \`${route.name}\` took more than ${route.timeoutMs} ms.`)
  }

  return {
    /** The answer, once its headers are here. Sent again where that is safe and nothing but a sign of absence came back. */
    async send(workspace: string, route: Route, outgoing: Outgoing): Promise<Response> {
      const { request, body, signal } = outgoing
      const { breaker, budget } = of(workspace, route)
      const deadline = now() + route.timeoutMs
      const again = idempotent.has(request.method) && (request.body === null || body !== undefined) ? route.retries : 0
      for (let count = 1; ; count++) {
        const pass = breaker.enter(0, deadline)
        const last = count > again || deadline <= now()
        try {
          const response = await attempt(route, outgoing, deadline)
          if (!gone.has(response.status)) {
            pass.heard()
            pass.leave()
            budget.succeeded()
            return response
          }
          pass.leave({ lost: true })
          if (!budget.failed() || last || response.headers.has('retry-after')) return response
          await response.body?.cancel()
        } catch (thrown) {
          pass.leave({ lost: signal?.aborted !== true })
          if (signal?.aborted === true) throw abortReason(signal)
          const isLate = thrown instanceof Failure && thrown.problem === 'upstream.timeout'
          if (!budget.failed() || last || isLate) throw thrown
        }
        await sleep(Math.min(backoffMs(count), Math.max(0, deadline - now())))
      }
    },
  }
}

function words(name: string) {
  return {
    gone: (retryAfterMs: number) =>
      new Failure('upstream.unavailable', `The service of \`${name}\` does not answer.`, { retryAfterMs }),
    full: (retryAfterMs: number) =>
      new Failure('limit.queue_full', `Too much waits for the service of \`${name}\` already.`, { retryAfterMs }),
  }
}
