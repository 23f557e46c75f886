import type { Client } from '#mesh/rpc/call.ts'
import type { Change, ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import type { Background } from '../core.ts'

/** Asked at most this often, and only while there are requests: isolates have no timers of their own. */
const pollMs = 2_000
/** Older than this it decides nothing: the request waits for a poll. So whatever changes holds everywhere within 5 s. */
const maxAgeMs = 5_000
const timeoutMs = 2_000
/** After a poll that failed the next may come so soon: who is back should not be taken for gone. */
const againMs = 500
/** After a poll that failed, a request waits so long for the next one: enough for a core that is back. */
const briefMs = 250
/** A clock that goes back by less was only corrected. */
const correctionMs = 1_000
const maxWorkspaces = 10_000

export interface FeedDeps {
  readonly config: Client<typeof ConfigService>
  readonly now: () => number
}

/** What reacts to a change, beside the request that heard of it. `undefined` means that anything may have changed. */
export type OnChange = (change: Change | undefined, background: Background) => void

export type Feed = ReturnType<typeof createFeed>

/** What changed, for everything that this isolate remembers. */
export function createFeed({ config, now }: FeedDeps) {
  const listeners: OnChange[] = []
  const versions = new Map<string, number>()
  let total = 0
  /** The version of every workspace that has none of its own: those of before were forgotten. */
  let base = 0
  let cursor = ''
  /** When the newest state was asked for: it is at least that new. */
  let asOf = Number.NEGATIVE_INFINITY
  let attemptedAt = Number.NEGATIVE_INFINITY
  let polling: Promise<void> | undefined
  let failing = false
  let lastSeen = Number.NEGATIVE_INFINITY

  function forgetEverything(background: Background): void {
    base = ++total
    versions.clear()
    for (const listen of listeners) listen(undefined, background)
  }

  function apply(change: Change, background: Background): void {
    if (versions.size >= maxWorkspaces) return forgetEverything(background)
    versions.set(change.workspace, ++total)
    for (const listen of listeners) listen(change, background)
  }

  async function ask(startedAt: number, background: Background): Promise<void> {
    try {
      const answer = await config.watch({ since: cursor }, { timeoutMs })
      if (answer.reset) forgetEverything(background)
      else for (const change of answer.changes) apply(change, background)
      cursor = answer.cursor
      // Unless the clock was set back in the meantime.
      if (startedAt <= now()) asOf = Math.max(asOf, startedAt)
      failing = false
    } catch {
      // The state stays as old as it is, and who needs it newer finds out by `current`.
      failing = true
    }
  }

  function poll(background: Background): Promise<void> {
    const at = now()
    // A poll that never ended belonged to a request that was torn down.
    if (polling !== undefined && at - attemptedAt < 2 * timeoutMs) return polling
    attemptedAt = at
    const work: Promise<void> = ask(at, background).finally(() => {
      if (polling === work) polling = undefined
    })
    polling = work
    background.waitUntil(work)
    return work
  }

  const isDue = (at: number): boolean => at - attemptedAt >= (failing ? againMs : pollMs)

  /** All that is remembered is dated by a clock that was set back, if it was: then none of it can be told from new. */
  function read(background: Background): number {
    const at = now()
    if (at < lastSeen - correctionMs) {
      asOf = attemptedAt = Number.NEGATIVE_INFINITY
      polling = undefined
      forgetEverything(background)
    }
    lastSeen = at
    return at
  }

  return {
    /** Whether the state may decide now. Starts a poll beside it when one is due. */
    current(background: Background): boolean {
      const at = read(background)
      if (at - asOf < pollMs) return true
      if (at - asOf >= maxAgeMs) return false
      if (isDue(at)) void poll(background)
      return true
    },

    /** Waits for a poll if it must. False: the core does not answer, and the state is too old to decide. */
    async settle(background: Background): Promise<boolean> {
      if (this.current(background)) return true
      if (polling === undefined && !isDue(now())) return false
      const work = poll(background)
      await (failing ? Promise.race([work, pause(attemptedAt + briefMs - now())]) : work)
      return now() - asOf < maxAgeMs
    },

    begun: () => cursor !== '',

    ageMs: () => now() - asOf,

    /** Grows with every change of the workspace: what was asked for before a change must not be remembered after it. */
    version: (workspace: string) => versions.get(workspace) ?? base,
    /** As `version`, where the workspace is not known yet. */
    total: () => total,

    onChange(listener: OnChange): void {
      listeners.push(listener)
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
