import type { Log } from '../storage/log.ts'
import type { KafkaLimits } from './limits.ts'

/** Of one call that waits for messages. It listens from the beginning, so nothing comes between looking and waiting. */
export interface Wait {
  /** Resolves with the places (`topic/partition`) that something was appended to since the last time; none: it is over. */
  appended(): Promise<ReadonlySet<string>>
  end(): void
}

export type Waits = (workspace: string, topics: ReadonlySet<string>, ms: number, signal: AbortSignal) => Wait

const none: ReadonlySet<string> = new Set()
const over: Wait = { appended: () => Promise.resolve(none), end: () => undefined }

/** A bounded number of calls wait at once, because they count as work that is under way. The others are told that nothing came. */
export function createWaits(log: Log, { maxWaiting, maxWaitingOfOne }: KafkaLimits): Waits {
  const waiting = new Map<string, number>()
  let all = 0
  return (workspace, topics, ms, signal) => {
    const mine = waiting.get(workspace) ?? 0
    if (ms <= 0 || all >= maxWaiting || mine >= maxWaitingOfOne) return over
    all++
    waiting.set(workspace, mine + 1)
    let news = new Set<string>()
    let isOver = signal.aborted
    let tell = (): void => undefined
    const unsubscribe = log.onAppend((topic, partition) => {
      if (!topics.has(topic)) return
      news.add(`${topic}/${partition}`)
      tell()
    })
    const stop = (): void => {
      isOver = true
      tell()
    }
    const timer = setTimeout(stop, ms)
    signal.addEventListener('abort', stop)
    return {
      async appended() {
        if (news.size === 0 && !isOver) await new Promise<void>((resolve) => (tell = resolve))
        const found = news
        news = new Set()
        return found
      },
      end() {
        unsubscribe()
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        all--
        const left = (waiting.get(workspace) ?? 1) - 1
        if (left === 0) waiting.delete(workspace)
        else waiting.set(workspace, left)
      },
    }
  }
}
