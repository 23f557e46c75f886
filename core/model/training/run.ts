import { Worker } from 'node:worker_threads'
import { Failure, type ProblemCode } from '#mesh/errors.ts'
import type { Assignment, FromTrainer, ToTrainer, Trained } from './message.ts'

export interface Watching {
  readonly onProgress: (phase: string, done: number, of: number) => void
  readonly signal: AbortSignal
}

const heapMiB = 4_096
/** Bytes that are on their way to the thread: a result may be larger than memory, and come faster than it is read. */
const maxAheadBytes = 8 * 1024 ** 2

/**
 * Trains in a thread of its own, so that nobody else waits for it. The signal ends it at once, whatever it is at: a thread
 * that is ended leaves nothing behind.
 */
export async function runTraining(
  assignment: Assignment,
  body: AsyncIterable<Uint8Array>,
  { onProgress, signal }: Watching,
): Promise<Trained> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  })
  const tell = (message: ToTrainer, transfer: ArrayBuffer[] = []): void => worker.postMessage(message, transfer)
  const stop = (): void => void worker.terminate()
  signal.addEventListener('abort', stop)
  const flow = { aheadBytes: 0, isOver: false, wake: (): void => undefined }
  try {
    const trained = new Promise<Trained>((resolve, reject) => {
      worker.on('message', (message: FromTrainer) => {
        if (message.kind === 'took') {
          flow.aheadBytes -= message.bytes
          flow.wake()
        } else if (message.kind === 'progress') onProgress(message.phase, message.done, message.of)
        else if (message.kind === 'trained') resolve(message.trained)
        else reject(failureOf(message))
      })
      worker.once('error', (error) => reject(explained(error)))
      worker.once('exit', () => reject(signal.aborted ? signal.reason : new Error('The training thread ended.')))
    })
    // Met below; until then it is no reason to end the process, but one to read no more rows.
    trained.catch(() => {
      flow.isOver = true
      flow.wake()
    })
    tell({ kind: 'begin', ...assignment })
    for await (const chunk of body) {
      if (flow.isOver) break
      // A copy: what the stream gave may be a piece of a pool.
      const own = new Uint8Array(chunk)
      flow.aheadBytes += own.length
      tell({ kind: 'rows', bytes: own }, [own.buffer])
      while (flow.aheadBytes > maxAheadBytes && !flow.isOver)
        await new Promise<void>((resolve) => (flow.wake = resolve))
    }
    tell({ kind: 'end' })
    return await trained
  } finally {
    signal.removeEventListener('abort', stop)
    await worker.terminate()
  }
}

function failureOf({ problem, detail, hint, errors }: Extract<FromTrainer, { kind: 'refused' }>): Failure {
  return new Failure(problem as ProblemCode, detail, { hint, errors })
}

function explained(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') return error
  return new Failure('model.failed', 'The training took more memory than it may.', {
    hint: 'Train from fewer rows (USING max_rows = …) or fewer columns.',
    cause: error,
  })
}
