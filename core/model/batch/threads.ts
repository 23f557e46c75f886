import { availableParallelism } from 'node:os'
import type { BatchPlan } from './message.ts'
import { openThread, type Thread } from './thread.ts'

export interface Batches {
  /** Blocks of rows in ClickHouse's Native format, as an answer. Read as slowly as that is: little is held. */
  run(sha256: string, plan: BatchPlan, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

export interface BatchesOptions {
  /** A model's file. */
  readonly read: (sha256: string) => Promise<Uint8Array>
  readonly maxThreads: number
  /** Models that a thread keeps. */
  readonly maxModels: number
  /** After which a thread that has nothing to do ends, with all that it keeps. */
  readonly idleMs?: number
}

interface Member extends Thread {
  running: number
  ending?: NodeJS.Timeout
  readonly models: Map<string, { readonly loaded: Promise<unknown>; users: number }>
}

/** Of a thread's own: worth a message. */
const pieceBytes = 256 * 1024
/** Pieces on their way to a thread and back: it need not wait for the next. */
const piecesAhead = 4

/**
 * Threads that predict for rows of SELECTs, begun when they are needed: whoever else is answered in this process does not
 * wait for a model, and what is heavy has a processor of its own. A core is left to the rest.
 */
export function openBatches({ read, maxThreads, maxModels, idleMs = 60_000 }: BatchesOptions): Batches {
  const most = Math.max(1, Math.min(maxThreads, availableParallelism() - 1))
  const members = new Set<Member>()
  let batches = 0

  function freest(): Member {
    const [free] = [...members].sort((a, b) => a.running - b.running)
    if (free !== undefined && (free.running === 0 || members.size >= most)) return free
    const member: Member = { ...openThread(() => members.delete(member)), running: 0, models: new Map() }
    members.add(member)
    return member
  }

  function end(member: Member): void {
    members.delete(member)
    // What is left of it ends with the process.
    member.close().catch(() => undefined)
  }

  /** The model in this thread, until it is given back. */
  async function take({ ask, models }: Member, sha256: string): Promise<() => void> {
    const held = models.get(sha256) ?? { loaded: load(), users: 0 }
    async function load(): Promise<void> {
      try {
        await ask({ kind: 'load', sha256, file: await read(sha256) })
      } catch (thrown) {
        // What could not be loaded is loaded again by whoever asks next.
        models.delete(sha256)
        throw thrown
      }
    }
    held.users++
    models.delete(sha256)
    models.set(sha256, held)
    for (const [oldest, { users }] of models) {
      if (models.size <= maxModels) break
      if (users > 0) continue
      models.delete(oldest)
      ask({ kind: 'unload', sha256: oldest }).catch(() => undefined)
    }
    await held.loaded
    return () => void held.users--
  }

  return {
    async *run(sha256, plan, body) {
      const member = freest()
      const { ask } = member
      const batch = ++batches
      const ahead: Promise<readonly Uint8Array[]>[] = []
      function push(answer: Promise<readonly Uint8Array[]>): void {
        // Met below, in its turn; until then it is no reason to end the process.
        answer.catch(() => undefined)
        ahead.push(answer)
      }
      member.running++
      clearTimeout(member.ending)
      let giveBack: (() => void) | undefined
      try {
        giveBack = await take(member, sha256)
        push(ask({ kind: 'begin', batch, sha256, plan }))
        for await (const bytes of inPieces(body)) {
          push(ask({ kind: 'rows', batch, bytes }, [bytes.buffer]))
          if (ahead.length > piecesAhead) yield* await ahead.shift()!
        }
        push(ask({ kind: 'end', batch }))
        for (const answer of ahead) yield* await answer
      } finally {
        ask({ kind: 'forget', batch }).catch(() => undefined)
        giveBack?.()
        member.running--
        if (member.running === 0) member.ending = setTimeout(end, idleMs, member).unref()
      }
    },
    async close() {
      await Promise.all([...members].map((member) => member.close()))
    },
  }
}

/** What came, in buffers that can be given away. */
async function* inPieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = Buffer.allocUnsafeSlow(pieceBytes)
  let at = 0
  for await (const chunk of body) {
    for (let from = 0; from < chunk.length;) {
      const count = Math.min(chunk.length - from, pieceBytes - at)
      piece.set(chunk.subarray(from, from + count), at)
      from += count
      at += count
      if (at < pieceBytes) continue
      yield piece
      piece = Buffer.allocUnsafeSlow(pieceBytes)
      at = 0
    }
  }
  if (at > 0) yield piece.subarray(0, at)
}
