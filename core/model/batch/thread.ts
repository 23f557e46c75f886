import { Worker } from 'node:worker_threads'
import { Failure, type ProblemCode } from '#mesh/errors.ts'
import type { Done, Task } from './message.ts'

export interface Thread {
  /** What it says of a task. Errors: model.unavailable, once the thread is gone. */
  ask(task: Task, transfer?: ArrayBuffer[]): Promise<readonly Uint8Array[]>
  close(): Promise<void>
}

/** Begins a thread that predicts. `onGone`: it died, or was closed. */
export function openThread(onGone: () => void): Thread {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { env: {} })
  // In the order in which they were asked, which is that of the answers.
  const waiting: { resolve(pieces: readonly Uint8Array[]): void; reject(thrown: unknown): void }[] = []
  let gone: unknown

  function lose(cause: unknown): void {
    if (gone !== undefined) return
    gone = new Failure('model.unavailable', 'The thread that predicts ended.', { retryAfterMs: 1_000, cause })
    onGone()
    for (const { reject } of waiting.splice(0)) reject(gone)
  }

  worker.on('message', (done: Done) => {
    const asked = waiting.shift()
    if (done.kind === 'done') asked?.resolve(done.pieces)
    else if (done.kind === 'failed') asked?.reject(done.error)
    else asked?.reject(new Failure(done.problem as ProblemCode, done.detail, { hint: done.hint }))
  })
  worker.once('error', lose)
  worker.once('exit', () => lose(undefined))

  return {
    ask(task, transfer = []) {
      return new Promise((resolve, reject) => {
        if (gone !== undefined) return reject(gone)
        // First, so that what cannot be sent waits for no answer.
        worker.postMessage(task, transfer)
        waiting.push({ resolve, reject })
      })
    },
    async close() {
      await worker.terminate()
    },
  }
}
