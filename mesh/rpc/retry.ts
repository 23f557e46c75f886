import { retries } from '../policy.ts'

export interface RetryBudget {
  succeeded(): void
  /** Whether the one that failed may be sent again. */
  failed(): boolean
}

/** gRPC's throttle (gRFC A6): while a service fails most calls, retries would only add to its load. */
export function createRetryBudget(): RetryBudget {
  let tokens: number = retries.maxTokens
  return {
    succeeded() {
      tokens = Math.min(retries.maxTokens, tokens + retries.tokenRatio)
    },
    failed() {
      tokens = Math.max(0, tokens - 1)
      return tokens > retries.maxTokens / 2
    },
  }
}

/** How long to wait after the attempt of that number, from 1: doubled each time, and by chance less. */
export function backoffMs(attempt: number): number {
  const { initialBackoffMs, backoffMultiplier, maxBackoffMs } = retries
  return Math.random() * Math.min(initialBackoffMs * backoffMultiplier ** (attempt - 1), maxBackoffMs)
}
