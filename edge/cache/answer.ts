import { Failure, toFailure } from '#mesh/errors.ts'
import { abortReason } from '#mesh/rpc/run.ts'
import type { Client } from '#mesh/rpc/call.ts'
import type { QueryService, ResultHead } from '#proto/edgewise/query/v1/query_pb.ts'
import type { Feed } from '../changes/feed.ts'
import { asCaller, type Background, type Caller } from '../core.ts'
import type { Answer, Answers } from './answers.ts'
import { type Collected, collect } from './collect.ts'
import { etagOf } from './etag.ts'
import type { Flights } from './flights.ts'
import type { Question } from './question.ts'

/** Where an answer came from, as `Cache-Status` and `_requests.cache` say it. */
export type Outcome = 'HIT' | 'STALE' | 'MISS' | 'COLLAPSED' | 'EXPIRED' | 'ERROR' | 'BYPASS'

/** Why an answer past its time is given: as `Cache-Status` and `Edgewise-Fallback` say it. */
export type Fallback = 'core-unreachable' | 'stale-if-error' | 'core-slow'

export type Answered =
  | { readonly outcome: Outcome; readonly whole: true; readonly answer: Answer; readonly fallback?: Fallback }
  | {
      readonly outcome: Outcome
      readonly whole: false
      readonly head: ResultHead
      readonly body: ReadableStream<Uint8Array>
    }

export interface AnswerDeps {
  readonly core: { readonly query: Pick<Client<typeof QueryService>, 'callQuery'> }
  readonly answers: Answers
  readonly flights: Flights<Answer | undefined>
  readonly feed: Feed
  readonly now: () => number
}

export interface Asker extends Caller {
  readonly background: Background
  /** The core does not answer: only what is here may be given, however stale, and nothing may be fetched. */
  readonly degraded: boolean
}

/** After these the last good answer is better than none (RFC 5861 §4). */
const outages: ReadonlySet<string> = new Set<Failure['code']>([
  'unavailable',
  'deadline_exceeded',
  'internal',
  'unknown',
  'data_loss',
])

/** So long a caller waits for a new answer where an old one may stand in. The new one is waited for beside. */
const patienceMs = 2_000

/** The answer to a question: from here while it is fresh, else from the core, once for all who ask the same. */
export async function answer(deps: AnswerDeps, question: Question, asker: Asker): Promise<Answered> {
  const { answers, now } = deps
  const kept = answers.get(question.key)
  const ageMs = kept === undefined ? Infinity : now() - kept.storedAt
  if (kept !== undefined && ageMs < kept.freshMs) return { outcome: 'HIT', whole: true, answer: kept }
  if (asker.degraded) {
    if (kept !== undefined) return instead(kept, 'core-unreachable')
    throw new Failure('core.unavailable', 'The core does not answer, and no answer is kept.', { retryAfterMs: 2_000 })
  }
  if (kept !== undefined && ageMs < kept.revalidateMs) {
    refresh(deps, question, asker)
    return { outcome: 'STALE', whole: true, answer: kept }
  }
  const mayStandIn = ageMs < (kept?.errorMs ?? 0)
  const alreadyMs = deps.flights.ageMs(question.key)
  // Somebody has waited for it already: nobody else has to.
  if (kept !== undefined && mayStandIn && alreadyMs >= patienceMs) return instead(kept, 'core-slow')
  const fetching = question.cacheable ? fetchShared(deps, question, asker) : fetchAlone(deps, question, asker)
  if (kept === undefined) return fetching
  try {
    const fetched = mayStandIn ? await unlessSlow(fetching, patienceMs - alreadyMs) : await fetching
    if (fetched === undefined) {
      fetching.then(discard, () => undefined)
      refresh(deps, question, asker)
      return instead(kept, 'core-slow')
    }
    return fetched.outcome === 'MISS' ? { ...fetched, outcome: 'EXPIRED' } : fetched
  } catch (thrown) {
    if (!mayStandIn || !outages.has(toFailure(thrown).code)) throw thrown
    return instead(kept, 'stale-if-error')
  }
}

function instead(answer: Answer, fallback: Fallback): Answered {
  return { outcome: 'ERROR', whole: true, answer, fallback }
}

/** Fetches for those who come later: without the signal of the one who is here. */
function refresh(deps: AnswerDeps, question: Question, asker: Asker): void {
  const { signal: _, ...rest } = asker
  asker.background.waitUntil(fetchShared(deps, question, rest).then(discard, () => undefined))
}

/** Undefined where it takes longer. */
async function unlessSlow(fetching: Promise<Answered>, waitMs: number): Promise<Answered | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const slow = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, waitMs)
  })
  try {
    return await Promise.race([fetching, slow])
  } finally {
    clearTimeout(timer)
  }
}

async function fetchShared(deps: AnswerDeps, question: Question, asker: Asker): Promise<Answered> {
  const { answers, feed, flights } = deps
  let tooLarge: (Collected & { whole: false }) | undefined
  let left = false
  let led = false
  const boarded = flights
    .board(question.key, asker, async (signal) => {
      led = true
      const before = feed.version(question.workspace)
      const collected = await collect(ask(deps, question, asker, signal))
      if (collected.whole) {
        const made = await answerOf(collected, question, deps.now())
        // What was read before a change must not be given after it.
        if (feed.version(question.workspace) === before) answers.put(made)
        return made
      }
      if (left) void collected.body.cancel()
      else tooLarge = collected
      return undefined
    })
    .finally(() => {
      left = true
    })
  const { result, first } = await boarded.catch((thrown: unknown) => {
    // The end of one caller's plan is not the end of another's.
    if (led || !(thrown instanceof Failure) || thrown.problem !== 'limit.cost') throw thrown
    return { result: undefined, first: false }
  })
  if (result !== undefined) return { outcome: first ? 'MISS' : 'COLLAPSED', whole: true, answer: result }
  if (tooLarge !== undefined) return { ...tooLarge, outcome: 'BYPASS' }
  return fetchAlone(deps, question, asker)
}

async function fetchAlone(deps: AnswerDeps, question: Question, asker: Asker): Promise<Answered> {
  if (asker.signal?.aborted === true) throw abortReason(asker.signal)
  const collected = await collect(ask(deps, question, asker, asker.signal))
  if (!collected.whole) return { ...collected, outcome: 'BYPASS' }
  return {
    outcome: question.cacheable ? 'MISS' : 'BYPASS',
    whole: true,
    answer: await answerOf(collected, question, deps.now()),
  }
}

function ask({ core }: AnswerDeps, question: Question, asker: Asker, signal: AbortSignal | undefined) {
  return core.query.callQuery(question.call, asCaller({ ...asker, signal }))
}

async function answerOf({ head, body }: Collected & { whole: true }, question: Question, at: number): Promise<Answer> {
  const {
    ttlSeconds = 0,
    staleWhileRevalidateSeconds = 0,
    staleIfErrorSeconds = 0,
  } = question.description.query.cache ?? {}
  return {
    key: question.key,
    workspace: question.workspace,
    body,
    contentType: head.contentType,
    version: head.queryVersion,
    etag: await etagOf(body, head.contentType),
    storedAt: at,
    freshMs: ttlSeconds * 1000,
    revalidateMs: (ttlSeconds + staleWhileRevalidateSeconds) * 1000,
    errorMs: (ttlSeconds + staleIfErrorSeconds) * 1000,
  }
}

function discard(answered: Answered): void {
  if (!answered.whole) void answered.body.cancel()
}
