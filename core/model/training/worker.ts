import { createHash, type Hash } from 'node:crypto'
import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { Failure } from '#mesh/errors.ts'
import { tableFrom } from '../features/table-from.ts'
import { trainAssigned } from './assigned.ts'
import type { Assignment, FromTrainer, ToTrainer } from './message.ts'

/** The thread that trains. On Linux its niceness is its own: what somebody waits for goes first. */
const nicer = 10
const progressMs = 200

const port = parentPort
if (port === null) throw new Error('This is a thread, and not a program.')
if (process.platform === 'linux') setPriority(Math.min(19, getPriority() + nicer))

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
    const digest = createHash('sha256')
    const table = await tableFrom(reading, digested(rows.readable, digest), { maxRows: Infinity, maxBytes })
    const sample = { ...assignment.sample, sha256: digest.digest('hex') }
    let toldAt = 0
    const trained = trainAssigned({ ...assignment, sample }, table, (phase, done, of) => {
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

async function* digested(body: AsyncIterable<Uint8Array>, digest: Hash): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    digest.update(bytes)
    yield bytes
  }
}
