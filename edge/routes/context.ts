import type { Context } from 'hono'
import type { Read } from '../cache/collect.ts'
import type { Session } from '../auth/sessions.ts'
import type { Background, Caller } from '../core.ts'
import type { Decision } from '../limit/limiter.ts'

/** What the steps before a route have found out about the request. */
export interface Variables {
  requestId: string
  address: string
  /** Set by `authenticate`. */
  session: Session
  credential: string
  /** The core does not answer and the feed is too old: cached answers only. */
  degraded: boolean
  /** Set by `limit`, or by a route that charges by itself. */
  decisions: Decision[]
  cost: number
  /** For the usage event. */
  resource: string
  /** Of the model that answers; 0 of all else. */
  version: number
  cache: string
  requestBytes: number
  /** What its query read. Undefined where the core does not say. */
  read: Read | undefined
  /** Rows that it sent. */
  events: number
}

export interface AppEnv {
  Bindings: Record<string, unknown>
  Variables: Variables
}

export type AppContext = Context<AppEnv>

export function backgroundOf(c: AppContext): Background {
  return c.executionCtx
}

export function callerOf(c: AppContext): Caller {
  return {
    credential: c.var.credential,
    workspace: c.var.session.actor.workspace,
    requestId: c.var.requestId,
    address: c.var.address,
    traceparent: c.req.header('traceparent'),
    signal: c.req.raw.signal,
  }
}
