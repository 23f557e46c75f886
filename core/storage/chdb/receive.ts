/** Bodies are held in memory before they run: each is bounded, and so are all of them together. */
import type { IncomingMessage } from 'node:http'

import { LaneFull } from './lane.ts'
import { BadOption } from './settings.ts'

export interface Budget {
  /** False when there is not that much left. */
  take(bytes: number): boolean
  give(bytes: number): void
}

export function createBudget(maxBytes: number): Budget {
  let taken = 0
  return {
    take(bytes) {
      if (taken + bytes > maxBytes) return false
      taken += bytes
      return true
    },
    give(bytes) {
      taken -= bytes
    },
  }
}

export interface Body extends Disposable {
  readonly bytes: Buffer
}

/** Reads a body to its end even when it is too large, because only then the client listens. */
export async function readBody(req: IncomingMessage, maxBytes: number, budget: Budget): Promise<Body> {
  const chunks: Buffer[] = []
  let bytes = 0
  let held = 0
  let refused = false
  const release = () => budget.give(held)
  try {
    for await (const chunk of req as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (refused || bytes > maxBytes) continue
      refused = !budget.take(chunk.length)
      if (refused) continue
      held += chunk.length
      chunks.push(chunk)
    }
    if (bytes > maxBytes) throw new BadOption(`The body is ${bytes} bytes; at most ${maxBytes} are taken.`)
    if (refused) throw new LaneFull('Too much is waiting to be written')
    return { bytes: Buffer.concat(chunks), [Symbol.dispose]: release }
  } catch (thrown) {
    release()
    throw thrown
  }
}
