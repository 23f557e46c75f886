import { parentPort } from 'node:worker_threads'
import { Failure } from '#mesh/errors.ts'
import { openOrt, type Ort } from '#mesh/inference/ort.ts'
import { type Batch, type BlockModel, createBatch, openBlockModel } from './batch.ts'
import type { Done, Task } from './message.ts'

/** The thread that predicts for the rows of SELECTs: what it is told it does in that order, and answers each. */
const port = parentPort
if (port === null) throw new Error('This is a thread, and not a program.')

const models = new Map<string, BlockModel>()
const batches = new Map<number, Batch>()
let runtime: Promise<Ort> | undefined
let turn = Promise.resolve()

port.on('message', (task: Task) => {
  turn = turn.then(() => answer(task))
})

async function answer(task: Task): Promise<void> {
  const done = await perform(task).then(
    (pieces): Done => ({ kind: 'done', pieces }),
    (thrown: unknown): Done => {
      // A trap leaves the runtime in no state to go on with, and this thread neither.
      if (thrown instanceof Error && thrown.name === 'RuntimeError') throw thrown
      if (!(thrown instanceof Failure)) return { kind: 'failed', error: thrown }
      const { problem, message: detail, hint } = thrown
      return { kind: 'refused', problem, detail, hint }
    },
  )
  port!.postMessage(done, done.kind === 'done' ? done.pieces.map(({ buffer }) => buffer) : [])
}

async function perform(task: Task): Promise<Uint8Array<ArrayBuffer>[]> {
  switch (task.kind) {
    case 'load':
      models.set(task.sha256, await openBlockModel(task.file, () => (runtime ??= openOrt())))
      break
    case 'unload':
      models.get(task.sha256)?.session.release()
      models.delete(task.sha256)
      break
    case 'begin':
      batches.set(task.batch, createBatch(models.get(task.sha256)!, task.plan))
      break
    case 'rows':
      return batches.get(task.batch)!.push(task.bytes)
    case 'end':
      return batches.get(task.batch)!.end()
    case 'forget':
      batches.delete(task.batch)
  }
  return []
}
