import { Failure } from '../errors.ts'
import { timeoutOf } from '../policy.ts'
import type { Actor } from '#proto/edgewise/identity/v1/identity_pb.ts'
import type { Call, Interceptor } from './call.ts'
import { pathOf } from './mount.ts'
import { deadlinePassed } from './run.ts'

/** A pino Logger is one. */
export interface Log {
  isLevelEnabled?(level: 'debug'): boolean
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface CallMetrics {
  /** One call that ended. `code` is `ok` or a code of mesh/errors.ts. */
  observe(call: { service: string; method: string; code: string; seconds: number }): void
}

export interface InterceptorPorts {
  /** Who the call comes from; undefined when it carries no credential. Throws a Failure for one that does not hold. */
  readonly authenticate: (call: Call) => Promise<Actor | undefined>
  /** Paths of the methods that nobody in particular may call: `/edgewise.identity.v1.IdentityService/VerifyKey`. */
  readonly open?: readonly string[]
  /** Refuses what is too much; before the credential is looked at, which is work as well. */
  readonly shed?: Interceptor
  readonly log: Log
  readonly metrics?: CallMetrics
}

/** What surrounds every call on every transport, in this order. */
export function interceptors({
  authenticate,
  open = [],
  shed,
  log,
  metrics,
}: InterceptorPorts): readonly Interceptor[] {
  return [
    requestId(),
    traceContext(),
    deadline(),
    ...(shed === undefined ? [] : [shed]),
    authentication(authenticate, new Set(open)),
    errors(log),
    ...(metrics === undefined ? [] : [measure(metrics)]),
    accessLog(log),
  ]
}

/** The caller's `x-request-id` if it is one that can be logged and sent on as it is, else one of our own. */
function requestId(): Interceptor {
  const prefix = `req_${randomHex(6)}`
  let count = 0
  return {
    name: 'request id',
    begin(call) {
      const given = call.metadata.get('x-request-id')
      if (given !== undefined && /^[\w.:+/=~@-]{1,64}$/.test(given)) {
        call.requestId = given
      } else {
        call.requestId = `${prefix}${(count++).toString(36).padStart(4, '0')}`
      }
    },
  }
}

/** https://www.w3.org/TR/trace-context/: the caller's trace goes on under a span of ours, or one begins. */
function traceContext(): Interceptor {
  const span = randomHex(4)
  let count = 0
  return {
    name: 'trace context',
    begin(call) {
      const given = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-|$)/.exec(
        call.metadata.get('traceparent') ?? '',
      )
      const valid =
        given !== null && !given[0].startsWith('ff') && !/^0+$/.test(given[1] ?? '') && !/^0+$/.test(given[2] ?? '')
      count = (count + 1) >>> 0
      const id = `${span}${count.toString(16).padStart(8, '0')}`
      call.traceparent = valid ? `00-${given[1]}-${id}-${given[3]}` : `00-${traceId()}-${id}-00`
    },
  }
}

/** No call is without a deadline, and none has a longer one than the policy allows. */
function deadline(): Interceptor {
  return {
    name: 'deadline',
    begin(call) {
      const now = Date.now()
      const ms = timeoutOf(call.method, call.deadline === Infinity ? undefined : call.deadline - now)
      if (ms <= 0) throw deadlinePassed()
      call.deadline = now + ms
    },
  }
}

function authentication(authenticate: InterceptorPorts['authenticate'], open: ReadonlySet<string>): Interceptor {
  return {
    name: 'authentication',
    async begin(call) {
      call.actor = await authenticate(call)
      if (call.actor === undefined && !open.has(pathOf(call.method))) {
        throw new Failure('auth.missing', 'This call needs a credential.')
      }
    },
  }
}

/** Bugs are logged with their cause here and nowhere else; what the caller is told says nothing of it. */
function errors(log: Log): Interceptor {
  return {
    name: 'errors',
    end(call, failure) {
      if (failure?.problem !== 'internal.error') return
      log.error({ requestId: call.requestId, rpc: pathOf(call.method), err: failure.cause ?? failure }, 'call broke')
    },
  }
}

function measure(metrics: CallMetrics): Interceptor {
  return {
    name: 'metrics',
    end(call, failure) {
      metrics.observe({
        service: call.method.parent.typeName,
        method: call.method.name,
        code: failure?.code ?? 'ok',
        seconds: elapsedMs(call) / 1000,
      })
    },
  }
}

/** One line a call, without payload and without metadata: neither a secret nor a person's data can be in it. */
function accessLog(log: Log): Interceptor {
  return {
    name: 'access log',
    end(call, failure) {
      // What is refused because there is too much must cost nothing; the metrics count it.
      const quiet = failure === undefined || failure.problem === 'limit.overload'
      if (quiet && log.isLevelEnabled?.('debug') === false) return
      const line = {
        requestId: call.requestId,
        trace: call.traceparent.slice(3, 35),
        rpc: pathOf(call.method),
        code: failure?.code ?? 'ok',
        problem: failure?.problem,
        workspace: call.actor?.workspace,
        actor: call.actor?.id,
        durationMs: Math.round(elapsedMs(call) * 1000) / 1000,
      }
      if (quiet) log.debug(line, 'call')
      else log.info(line, 'call failed')
    },
  }
}

function elapsedMs(call: Call): number {
  const now = performance.now()
  return now - (call.startedAt ?? now)
}

/** At most 16 bytes, of which 122 bits are random. */
/** 122 random bits: random UUIDs are drawn from a pool, and cost a tenth of asking for random bytes each time. */
function traceId(): string {
  return crypto.randomUUID().replaceAll('-', '')
}

function randomHex(bytes: number): string {
  return crypto
    .randomUUID()
    .replaceAll('-', '')
    .slice(0, bytes * 2)
}
