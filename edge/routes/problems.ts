import type { Context, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { Failure, type ProblemCode, problems, refusals as audited, toFailure, type Violation } from '#mesh/errors.ts'
import { toProblemJson } from '#mesh/rpc/problem.ts'
import { unknownParameters } from '../cache/question.ts'
import type { Deps } from '../deps.ts'
import { routePattern } from '../observe/route-pattern.ts'
import { exceptionResponse, isClickHouse } from './clickhouse/exceptions.ts'
import { type AppEnv, backgroundOf } from './context.ts'
import { html, page } from './page.ts'

/** Where nobody knows better. */
const defaultRetryAfterMs = 1_000

/** Whatever was thrown, as application/problem+json, with `more` members. */
export function problemResponse(failure: Failure, requestId: string, more?: object): Response {
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
  const { retryAfterMs = failure.status === 503 || failure.status === 429 ? defaultRetryAfterMs : undefined } = failure
  if (retryAfterMs !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  if (failure.status === 401) headers.set('www-authenticate', 'Bearer')
  return Response.json({ ...toProblemJson(failure, requestId), ...more }, { status: failure.status, headers })
}

/** As the answer to a request; a bug is logged. */
export function answerFailure(
  { log, metrics }: Pick<Deps, 'log' | 'metrics'>,
  thrown: unknown,
  requestId: string,
  more?: object,
) {
  const failure = toFailure(thrown)
  noteBug({ log, metrics }, failure, requestId)
  return problemResponse(failure, requestId, more)
}

function noteBug({ log, metrics }: Pick<Deps, 'log' | 'metrics'>, failure: Failure, requestId: string): void {
  if (failure.problem !== 'internal.error') return
  metrics.count('bugs')
  log({ request_id: requestId, error: describe(failure.cause) }, 'a request failed')
}

export function onError(deps: Deps) {
  return (thrown: Error, c: Context<AppEnv>): Response => {
    const failure = thrown instanceof HTTPException ? badRequest(thrown) : toFailure(thrown)
    // What the core refused is in the log already; strangers have none.
    const { session } = c.var as { session?: typeof c.var.session }
    if (session !== undefined && !failure.remote && audited.has(failure.problem)) {
      const { workspace, id: actor } = session.actor
      const { requestId, address, resource } = c.var
      const action = `${c.req.method} ${routePattern(c)}`
      const { problem: code, message: reason } = failure
      deps.refusals.record({ workspace, actor, action, resource, code, reason, requestId, address }, backgroundOf(c))
    }
    if (isClickHouse(c.req.path)) {
      noteBug(deps, failure, c.var.requestId)
      return exceptionResponse(failure)
    }
    return answerFailure(deps, failure, c.var.requestId, elsewhere(c.req.path, failure))
  }
}

/** Where clients of the Open Inference Protocol, and those of Upstash, look for what is wrong. */
function elsewhere(path: string, { message: error }: Failure): object {
  if (path.startsWith('/kafka/')) return { error, result: 'Error' }
  return /^\/(?:v2|redis)(?:\/|$)/.test(path) ? { error } : {}
}

/** What a route schema did not accept, by place. */
export function invalid(target: string, issues: readonly Issue[]): Failure {
  for (const issue of issues) {
    if (target === 'query' && issue.code === 'unrecognized_keys') {
      return unknownParameters(issue.keys ?? [], issue.message === '' ? [] : issue.message.split(','))
    }
  }
  const errors = issues.slice(0, 20).map((issue): Violation => {
    const path = issue.path.map(String)
    return { pointer: target === 'json' ? `/${path.join('/')}` : path.join('.'), reason: issue.message }
  })
  const [first] = errors
  return new Failure(
    'request.invalid',
    first === undefined ? 'It is not well formed.' : `${first.pointer}: ${first.reason}.`,
    {
      errors,
    },
  )
}

interface Issue {
  readonly code?: string | undefined
  readonly keys?: string[]
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** 404, or 405 where the path has other methods. */
export function notFound(methodsOf: (path: string) => readonly string[]): NotFoundHandler<AppEnv> {
  return (c) => {
    const methods = methodsOf(c.req.path)
    if (methods.length === 0) throw new Failure('request.route', `There is nothing at ${c.req.path.slice(0, 200)}.`)
    const failure = new Failure('request.method', `${c.req.path.slice(0, 200)} takes ${methods.join(', ')}.`)
    const response = problemResponse(failure, c.var.requestId, elsewhere(c.req.path, failure))
    response.headers.set('allow', methods.join(', '))
    return response
  }
}

/** The page that `type` points at. */
export function problemPage(c: Context<AppEnv>): Promise<Response> {
  const code = c.req.param('code') ?? ''
  if (!Object.hasOwn(problems, code)) throw new Failure('resource.not_found', 'There is no such problem.')
  const { title, hint } = problems[code as ProblemCode]
  const { status, retryable } = new Failure(code as ProblemCode, title)
  return page(
    title,
    html`<p>
        <code>${code}</code> · HTTP ${String(status)} ·
        ${retryable ? 'may be retried as it is' : 'will fail again unless something changes'}
      </p>
      <p>${hint}</p>
      <p><a href="/docs">API</a></p>`,
  )
}

function badRequest(thrown: HTTPException): Failure {
  if (thrown.status === 413) return new Failure('request.too_large', 'The body is larger than it may be.')
  return new Failure('request.invalid', 'The body cannot be read.', { cause: thrown })
}

function describe(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}\n${cause.stack ?? ''}` : String(cause)
}

/** The methods of each path that has a route, for 405. */
export function methodsOf(routes: () => readonly { readonly path: string; readonly method: string }[]) {
  let table: { readonly pattern: RegExp; readonly method: string }[] | undefined
  return (path: string): readonly string[] => {
    table ??= routes()
      .filter(({ method }) => method !== 'ALL')
      .map(({ path: route, method }) => ({
        method,
        pattern: new RegExp(`^${route.replaceAll('.', '\\.').replaceAll(/:\w+(\{[^}]*\})?/g, '[^/]+')}$`),
      }))
    const found = table.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    if (found.includes('GET')) found.push('HEAD')
    return [...new Set(found)]
  }
}
