import type { Client, Ingested } from '#mesh/client/index.ts'
import { batchesOf } from './batches.ts'
import type { SourceFile } from './file.ts'

export interface Loaded {
  readonly rows: number
  readonly accepted: number
  readonly quarantined: number
  /** Rows of batches that an earlier load had sent. */
  readonly repeated: number
  readonly errors: readonly { readonly row: number; readonly column?: string; readonly reason: string }[]
}

export interface SendOptions {
  readonly stream: string
  readonly wait: boolean
  readonly strict: boolean
  readonly parallel: number
  readonly signal: AbortSignal
  readonly progress: (so: { readonly bytes?: number; readonly rows?: number; readonly quarantined?: number }) => void
}

const maxErrors = 10

/** Sends a file in batches, some at a time. Each batch has a key of its own, so that sending it again changes nothing. */
export async function sendFile(client: Client, file: SourceFile, options: SendOptions): Promise<Loaded> {
  const { stream, wait, strict, parallel, signal, progress } = options
  let total = { rows: 0, accepted: 0, quarantined: 0, repeated: 0 }
  const errors: Loaded['errors'][number][] = []
  const batches = batchesOf(
    file.read((bytes) => progress({ bytes })),
    file.format,
  )
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  let first = 0

  const worker = async (): Promise<void> => {
    for (let next = await batches.next(); next.done !== true; next = await batches.next()) {
      either.throwIfAborted()
      const { offset, rows, body } = next.value
      const from = first
      first += rows
      const answer = await client.ingest(stream, body, {
        format: file.format === 'csv' ? 'csv' : 'ndjson',
        idempotencyKey: `load-${file.digest}-${offset}`,
        wait,
        strict,
        signal: either,
      })
      total = sum(total, rows, answer)
      errors.push(...answer.errors.map((error) => ({ ...error, row: error.row + from })))
      progress({ rows, quarantined: answer.quarantined })
    }
  }
  // The generator hands out one batch at a time, however many ask.
  const results = await Promise.allSettled(
    Array.from({ length: parallel }, () =>
      worker().catch((error: unknown) => {
        stop.abort(error)
        throw error
      }),
    ),
  )
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw signal.aborted ? signal.reason : stop.signal.reason
  return { ...total, errors: errors.sort((a, b) => a.row - b.row).slice(0, maxErrors) }
}

function sum(
  total: Omit<Loaded, 'errors'>,
  rows: number,
  { accepted, quarantined, replayed }: Ingested,
): Omit<Loaded, 'errors'> {
  return {
    rows: total.rows + rows,
    accepted: total.accepted + (replayed === true ? 0 : accepted),
    quarantined: total.quarantined + (replayed === true ? 0 : quarantined),
    repeated: total.repeated + (replayed === true ? rows : 0),
  }
}
