import { Failure, toFailure } from '#mesh/errors.ts'
import { abortReason } from '#mesh/rpc/run.ts'
import type { Feed } from '../changes/feed.ts'
import type { Background, Caller } from '../core.ts'
import type { Answer, Answers } from './answers.ts'
import type { Flights } from './flights.ts'

/** Where an answer came from, as `Cache-Status` and `_requests.cache` say it. */
export type Outcome = 'HIT' | 'STALE' | 'MISS' | 'COLLAPSED' | 'EXPIRED' | 'ERROR' | 'BYPASS'

/** Why an answer past its time is given: as `Cache-Status` and `Edgewise-Fallback` say it. */
export type Fallback = 'core-unreachable' | 'stale-if-error' | 'core-slow'

/** An answer that can be kept, or what there is instead: a stream. */
export type Fetched<Stream> = { readonly whole: true; readonly answer: Answer } | ({ readonly whole: false } & Stream)

export type Answered<Stream> =
  | { readonly outcome: Outcome; readonly whole: true; readonly answer: Answer; readonly fallback?: Fallback }
  | ({ readonly outcome: Outcome; readonly whole: false } & Stream)

/** What is asked for: by key for those who ask the same, and how it is had where it is not here. */
export interface Wanted<Stream> {
  readonly key: string
  readonly workspace: string
  readonly cacheable: boolean
  fetch(asker: Asker, signal: AbortSignal | undefined): Promise<Fetched<Stream>>
  /** Nobody wants the stream any more. */
  discard(stream: Stream): void
}

export interface ThroughDeps {
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

/** The answer: from here while it is fresh, else fetched, once for all who ask the same. */
export async function through<S>(deps: ThroughDeps, wanted: Wanted<S>, asker: Asker): Promise<Answered<S>> {
  const { answers, now } = deps
  const kept = answers.get(wanted.key)
  const ageMs = kept === undefined ? Infinity : now() - kept.storedAt
  if (kept !== undefined && ageMs < kept.freshMs) return { outcome: 'HIT', whole: true, answer: kept }
  if (asker.degraded) {
    if (kept !== undefined) return instead(kept, 'core-unreachable')
    throw new Failure('core.unavailable', 'The core does not answer, and no answer is kept.', { retryAfterMs: 2_000 })
  }
  if (kept !== undefined && ageMs < kept.revalidateMs) {
    refresh(deps, wanted, asker)
    return { outcome: 'STALE', whole: true, answer: kept }
  }
  const mayStandIn = ageMs < (kept?.errorMs ?? 0)
  const alreadyMs = deps.flights.ageMs(wanted.key)
  // Somebody has waited for it already: nobody else has to.
  if (kept !== undefined && mayStandIn && alreadyMs >= patienceMs) return instead(kept, 'core-slow')
  const fetching = wanted.cacheable ? fetchShared(deps, wanted, asker) : fetchAlone(wanted, asker)
  if (kept === undefined) return fetching
  try {
    const fetched = mayStandIn ? await unlessSlow(fetching, patienceMs - alreadyMs) : await fetching
    if (fetched === undefined) {
      fetching.then(
        (late) => discard(wanted, late),
        () => undefined,
      )
      refresh(deps, wanted, asker)
      return instead(kept, 'core-slow')
    }
    return fetched.outcome === 'MISS' ? { ...fetched, outcome: 'EXPIRED' } : fetched
  } catch (thrown) {
    if (!mayStandIn || !outages.has(toFailure(thrown).code)) throw thrown
    return instead(kept, 'stale-if-error')
  }
}

function instead(answer: Answer, fallback: Fallback) {
  return { outcome: 'ERROR', whole: true, answer, fallback } as const
}

/** Fetches for those who come later: without the signal of the one who is here. */
function refresh<S>(deps: ThroughDeps, wanted: Wanted<S>, asker: Asker): void {
  const { signal: _, ...rest } = asker
  const work = fetchShared(deps, wanted, rest).then(
    (fetched) => discard(wanted, fetched),
    () => undefined,
  )
  asker.background.waitUntil(work)
}

/** Undefined where it takes longer. */
async function unlessSlow<T>(fetching: Promise<T>, waitMs: number): Promise<T | undefined> {
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

async function fetchShared<S>(deps: ThroughDeps, wanted: Wanted<S>, asker: Asker): Promise<Answered<S>> {
  const { answers, feed, flights } = deps
  let stream: ({ readonly whole: false } & S) | undefined
  let left = false
  let led = false
  const boarded = flights
    .board(wanted.key, asker, async (signal) => {
      led = true
      const before = feed.version(wanted.workspace)
      const fetched = await wanted.fetch(asker, signal)
      if (fetched.whole) {
        // What was read before a change must not be given after it.
        if (feed.version(wanted.workspace) === before) answers.put(fetched.answer)
        return fetched.answer
      }
      if (left) wanted.discard(fetched)
      else stream = fetched
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
  if (stream !== undefined) return { ...stream, outcome: 'BYPASS' }
  return fetchAlone(wanted, asker)
}

async function fetchAlone<S>(wanted: Wanted<S>, asker: Asker): Promise<Answered<S>> {
  if (asker.signal?.aborted === true) throw abortReason(asker.signal)
  const fetched = await wanted.fetch(asker, asker.signal)
  return { ...fetched, outcome: fetched.whole && wanted.cacheable ? 'MISS' : 'BYPASS' }
}

function discard<S>(wanted: Wanted<S>, answered: Answered<S>): void {
  if (!answered.whole) wanted.discard(answered)
}
