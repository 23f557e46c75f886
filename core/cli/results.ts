import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Result } from '#mesh/client/index.ts'
import { table, type Terminal } from './terminal.ts'

export const resultFormats = ['table', 'json', 'ndjson', 'csv', 'parquet', 'arrow'] as const
export type ResultFormat = (typeof resultFormats)[number]

type WireFormat = Exclude<ResultFormat, 'table'>

/** The ways to get the same answer. */
export interface Answering {
  /** Parsed, with 64-bit integers as texts. */
  result(): Promise<Result>
  /** As the gateway sends it. */
  bytes(format: WireFormat): Promise<ReadableStream<Uint8Array>>
}

interface Flags {
  readonly format?: ResultFormat
  readonly json?: boolean
  readonly output?: string
}

/** A result on stdout or in a file: as a table for people unless another format was asked for. */
export async function printResult(
  terminal: Terminal,
  { format, json, output }: Flags,
  answering: Answering,
): Promise<void> {
  const chosen = format ?? (json ? 'json' : output === undefined ? 'table' : (formatOf(output) ?? 'json'))
  if (output === undefined) {
    for await (const chunk of chunksOf(chosen, answering, terminal)) await terminal.out(chunk)
    return
  }
  await pipeline(Readable.from(chunksOf(chosen, answering, terminal)), createWriteStream(output))
  terminal.note(`Written to ${output} as ${chosen}.`)
}

async function* chunksOf(
  format: ResultFormat,
  answering: Answering,
  terminal: Terminal,
): AsyncGenerator<string | Uint8Array> {
  if (format !== 'table') {
    yield* await answering.bytes(format)
    return
  }
  const { meta, data, rows, statistics } = await answering.result()
  const columns = meta.map(({ name }) => name)
  const cells = data.map((row) => columns.map((column) => row[column]))
  yield `${table(columns, cells)}\n`
  const cost =
    statistics === undefined ? '' : ` · ${statistics.rows_read} read · ${(statistics.elapsed * 1000).toFixed(1)} ms`
  terminal.note(`${rows} ${rows === 1 ? 'row' : 'rows'}${cost}`)
}

function formatOf(path: string): ResultFormat | undefined {
  const extension = path.slice(path.lastIndexOf('.') + 1)
  return resultFormats.find((format) => format === extension)
}
