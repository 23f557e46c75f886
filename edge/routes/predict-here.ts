import { Failure } from '#mesh/errors.ts'
import { allows } from '#mesh/scopes.ts'
import type { Serving } from '#proto/edgewise/model/v1/model_pb.ts'
import { isSession } from '../auth/cookie.ts'
import { credentialOf } from '../auth/credential.ts'
import { comesFromAnywhere } from '../auth/place.ts'
import type { Session } from '../auth/sessions.ts'
import type { Background } from '../core.ts'
import type { Deps } from '../deps.ts'
import { armOf } from '../inference/arm.ts'
import { type Predicted, predictHere } from '../inference/ladder.ts'
import { recordServed } from '../inference/record-served.ts'
import { isNear, limitFields, rateLimit } from '../limit/headers.ts'
import type { Decision } from '../limit/limiter.ts'
import { isEnding } from '../observe/observe.ts'
import { parseJson, readBody, textOf } from './body.ts'
import { answerOf, askedIn } from './predict.ts'
import { answerFailure } from './problems.ts'
import { type Arm, costOf, provenance } from './serving.ts'

const prefix = '/v1/models/'
const suffix = '/predict'
const route = '/v1/models/:name/predict'

/** Small bodies that may come without a clock: it costs as much as a tenth of a prediction. So many may never come. */
const maxUnclocked = 64
const smallBytes = 64 << 10

const fixed = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' }

interface Said {
  readonly rows: readonly unknown[]
  readonly predicted: Predicted
  readonly cost: number
  readonly decision: Decision
}

interface Plain extends Arm {
  readonly session: Session
  readonly name: string
  readonly at: number
  /** Of the feed, when it was looked up. */
  readonly total: number
}

/**
 * The short way of a POST to a prediction: for a caller and by a model that are known here, whose file is here. The same steps in the
 * same order as the long way (predict.ts), none of which waits but the body. Whatever is not ready, or not plain, or wrong
 * is left to the long way, before anything is charged.
 */
export function createPredictHere(deps: Deps) {
  const { sessions, feed, servings, models, requestId, usage, metrics, now } = deps
  /** What the answers to a caller had in common last: copied by each Response, so that it costs less than saying it again. */
  const common = new WeakMap<Session, { readonly serving: Serving; readonly arm: string; readonly headers: Headers }>()
  let unclocked = 0

  function plain({ headers }: Request, url: string, background: Background): Plain | undefined {
    const length = Number(headers.get('content-length') ?? Infinity)
    const name = url.slice(url.indexOf('/', 8) + prefix.length, -suffix.length)
    if (length > smallBytes || headers.has('origin') || !feed.current(background)) return undefined
    const credential = credentialOf(headers)
    if (typeof credential !== 'string' || isSession(credential)) return undefined
    const session = sessions.peek(credential)
    if (session === undefined || !comesFromAnywhere(session.actor)) return undefined
    const { actor, meter } = session
    const at = now()
    const known = servings.peek(actor.workspace, name, 0)
    if (isEnding(session, at) || !meter.ready(1, at) || known === undefined) return undefined
    const arm = armOf(known.said, actor.subject || actor.id)
    const may = allows(actor.scopes, 'models:predict', name) && models.has(arm.serving.sha256)
    return may ? { ...arm, session, name, at, total: feed.total() } : undefined
  }

  /** Whether what was looked up before is so now. */
  function holds({ total, session }: Plain, background: Background): boolean {
    return feed.current(background) && feed.total() === total && session.expiresAtMs > now()
  }

  /** Undefined: there is something about it. */
  function predict(known: Plain, body: Uint8Array, background: Background): Said | undefined {
    const { session, serving, at } = known
    const { meter } = session
    try {
      const rows = { ...askedIn(parseJson(textOf(body))), explain: false }
      const cost = costOf(rows)
      const predicted = meter.ready(cost, at) ? predictHere(deps, serving, rows) : undefined
      return predicted && { rows: rows.rows, predicted, cost, decision: meter.take(cost, at, background) }
    } catch {
      return undefined
    }
  }

  function record(known: Plain, id: string, { rows, predicted, cost }: Said, background: Background): void {
    const {
      session: { actor },
      name,
      at,
    } = known
    recordServed(deps, { session: known.session, requestId: id }, known, { ...predicted, rows }, background)
    metrics.request('POST', route, 200, '')
    usage.record(
      {
        workspace: actor.workspace,
        timeMs: BigInt(at),
        requestId: id,
        method: 'POST',
        route,
        resource: name,
        status: 200,
        durationUs: BigInt(Math.max(0, now() - at) * 1000),
        actor: actor.id,
        version: predicted.serving.version,
        cost,
      },
      background,
    )
  }

  async function read(request: Request): Promise<Uint8Array<ArrayBuffer>> {
    if (unclocked >= maxUnclocked) return readBody(request, smallBytes)
    unclocked++
    try {
      return new Uint8Array(await request.arrayBuffer())
    } catch (cause) {
      throw new Failure('request.cancelled', 'The body broke off.', { cause })
    } finally {
      unclocked--
    }
  }

  function headersOf({ session, serving, arm }: Plain, { predicted, cost, decision }: Said, id: string): Headers {
    if (cost > 1 || isNear(decision)) {
      return new Headers({
        ...provenance(predicted, { arm }, cost),
        ...limitFields([decision]),
        ...fixed,
        'x-request-id': id,
      })
    }
    let known = common.get(session)
    if (known?.serving !== serving || known.arm !== arm) {
      const headers = new Headers({ ...provenance(predicted, { arm }, cost), ...limitFields([decision]), ...fixed })
      known = { serving, arm, headers }
      common.set(session, known)
    }
    if (decision.policy.limit > 0) known.headers.set('ratelimit', rateLimit([decision]))
    known.headers.set('x-request-id', id)
    return known.headers
  }

  async function answer(
    request: Request,
    url: string,
    known: Plain,
    background: Background,
    long: (request: Request) => Response | Promise<Response>,
  ): Promise<Response> {
    const id = requestId(request.headers)
    let body: Uint8Array<ArrayBuffer>
    try {
      body = await read(request)
    } catch (thrown) {
      return answerFailure(deps, thrown, id)
    }
    // Whatever was so before the body came need not be so any more.
    const still = holds(known, background) ? { ...known, at: now() } : plain(request, url, background)
    const said = still && predict(still, body, background)
    if (still === undefined || said === undefined) return long(new Request(request, { method: 'POST', body }))
    record({ ...still, at: known.at }, id, said, background)
    return new Response(JSON.stringify(answerOf(said.predicted)), { headers: headersOf(still, said, id) })
  }

  return (
    request: Request,
    url: string,
    background: Background,
    long: (request: Request) => Response | Promise<Response>,
  ): Promise<Response> | undefined => {
    if (!url.endsWith(suffix) || !url.startsWith(prefix, url.indexOf('/', 8))) return undefined
    const known = plain(request, url, background)
    return known && answer(request, url, known, background, long)
  }
}
