import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parse } from 'csv-parse'
import { createVerifier, type Hashed, type Link, origin, pruneAction } from '../../chain.ts'
import { CliError, exits } from '../exit.ts'
import type { Verified } from './verify.ts'

type Line = Omit<Hashed, 'requestId'> & { readonly workspace: string; readonly request_id: string }

/** An export. Where its front was pruned, the entry in it that says so is what it is verified from. */
export async function verifyFile(path: string, remembered: readonly Link[]): Promise<Verified> {
  let first: Line | undefined
  let pruned: Link | undefined
  for await (const line of linesOf(path)) {
    first ??= line
    if (first.seq === 1) break
    const { through, hash } = (line.detail ?? {}) as { readonly through?: unknown; readonly hash?: unknown }
    if (line.action === pruneAction && through === first.seq - 1) pruned = { seq: first.seq - 1, hash: String(hash) }
  }
  if (first === undefined) return { workspace: '', broken: undefined, from: 1, head: origin }
  const { workspace } = first
  if (first.seq !== 1 && pruned === undefined) {
    const broken = {
      seq: first.seq - 1,
      reason: 'and those before it are missing, and no entry says that they were pruned',
    }
    return { workspace, broken, from: first.seq, head: first }
  }
  const verifier = createVerifier(workspace, pruned ?? origin, remembered)
  for await (const { workspace: _, request_id: requestId, ...entry } of linesOf(path)) {
    const broken = verifier.take({ ...entry, requestId })
    if (broken !== undefined) return { workspace, broken, from: first.seq, head: verifier.last() }
  }
  return { workspace, broken: verifier.end(), from: first.seq, head: verifier.last() }
}

/** One at a time: an export may be larger than memory. */
async function* linesOf(path: string): AsyncGenerator<Line> {
  let at = 0
  try {
    for await (const line of path.endsWith('.csv') ? csvLines(path) : ndjsonLines(path)) {
      at++
      yield line
    }
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`${path} cannot be read after entry ${at}: ${(error as Error).message}`, {
      exitCode: exits.usage,
    })
  }
}

async function* ndjsonLines(path: string): AsyncGenerator<Line> {
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (text.trim() !== '') yield JSON.parse(text) as Line
  }
}

async function* csvLines(path: string): AsyncGenerator<Line> {
  const records = createReadStream(path).pipe(parse({ columns: true, bom: true }))
  for await (const record of records as AsyncIterable<Record<string, string>>) {
    yield {
      ...(record as unknown as Line),
      seq: Number(record['seq']),
      detail: JSON.parse(record['detail'] ?? '{}') as unknown,
    }
  }
}
