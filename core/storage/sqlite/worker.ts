import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { openStore, type Step } from './store.ts'

/*
 * The thread that owns the log's database, so that waiting for the disk stalls nobody else. Whatever has arrived while
 * the last transaction was committing shares the next one: group commit.
 */
export interface Asked {
  readonly id: number
  readonly step: Step | { readonly kind: 'close' }
}

export interface Answered {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

const port = parentPort
if (port === null) throw new Error('worker.ts runs in a worker thread')
const store = openStore((workerData as { directory: string }).directory)

port.on('message', (first: Asked) => {
  const asked = [first]
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    asked.push(next.message as Asked)
  }
  const work = asked.flatMap(({ id, step }) => (step.kind === 'close' ? [] : [{ id, step }]))
  for (const answer of outcomes(work)) port.postMessage(answer)
  const last = asked.find(({ step }) => step.kind === 'close')
  if (last === undefined) return
  store.close()
  port.postMessage({ id: last.id } satisfies Answered)
  port.close()
})

function outcomes(work: readonly { readonly id: number; readonly step: Step }[]): Answered[] {
  if (work.length === 0) return []
  try {
    return store.transact(work.map(({ step }) => step)).map((outcome, i) => {
      const id = work[i]?.id ?? -1
      return 'error' in outcome ? { id, error: describe(outcome.error) } : { id, value: outcome.value }
    })
  } catch (error) {
    return work.map(({ id }) => ({ id, error: describe(error) }))
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
