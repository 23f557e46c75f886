import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { Failure } from '#mesh/errors.ts'
import { tableFrom } from '../features/table-from.ts'
import { trainAssigned } from './assigned.ts'
import type { Assignment, FromTrainer, ToTrainer } from './message.ts'

/** The thread that trains. On Linux its niceness is its own: what somebody waits for goes first. */
const niceness = 10
const progressMs = 200

const port = parentPort
if (port === null) throw new Error('This is a thread, and not a program.')
if (process.platform === 'linux') setPriority(niceness)

const tell = (message: FromTrainer): void => port.postMessage(message)
const rows = new TransformStream<Uint8Array, Uint8Array>()
const writer = rows.writable.getWriter()

port.on('message', (message: ToTrainer) => {
  if (message.kind === 'begin') void perform(message)
  else if (message.kind === 'rows') void take(message.bytes)
  // Rows that were refused end in an error, and whoever reads them says which.
  else writer.close().catch(() => undefined)
})

async function take(bytes: Uint8Array): Promise<void> {
  const { length } = bytes
  const took = (): void => tell({ kind: 'took', bytes: length })
  await writer.write(bytes).then(took, () => undefined)
}

async function perform(assignment: Assignment): Promise<void> {
  try {
    const { reading, maxBytes } = assignment
    const table = await tableFrom(reading, rows.readable, { maxRows: Infinity, maxBytes })
    let toldAt = 0
    const trained = trainAssigned(assignment, table, (phase, done, of) => {
      const at = performance.now()
      if (done < of && at - toldAt < progressMs) return
      toldAt = at
      tell({ kind: 'progress', phase, done, of })
    })
    tell({ kind: 'trained', trained })
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown
    const { problem, message: detail, hint, errors } = thrown
    tell({ kind: 'refused', problem, detail, hint, errors: errors.map((one) => ({ ...one })) })
  }
}
